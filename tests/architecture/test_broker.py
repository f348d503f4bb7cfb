import subprocess
import sys


def test_every_process_that_loads_django_knows_the_broker():
    code = (
        "import django; django.setup()\n"
        "from celery import current_app\n"
        "from django.conf import settings\n"
        "assert current_app.main == 'dsportal', current_app.main\n"
        "assert current_app.conf.broker_url == settings.CELERY_BROKER_URL\n"
        "assert 'labeling.prelabel' in current_app.tasks\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stderr
