"""Models side by side in a real browser: chosen by keyboard, changed, shared, gone back to."""

import re

from playwright.sync_api import Page, expect

LICENCES = re.compile("Licence (apache-2.0 other|other apache-2.0)")
TWO = ("deepseek_vision_v2", "deepseek_vision_v2_general20")


def test_models_are_ticked_compared_changed_and_gone_back_to(admin_page: Page):
    page = admin_page
    page.goto("/marketplace/?q=deepseek")
    for name in TWO:
        page.get_by_label(f"Compare {name}", exact=True).press("Space")
    page.get_by_role("button", name="Compare the chosen").press("Enter")

    expect(page.get_by_role("row", name=LICENCES)).to_be_visible()
    expect(page.get_by_text("None of them was measured")).to_be_visible()
    whole = page.url

    page.get_by_role("link", name="What differs").click()
    expect(page.get_by_text("same and not shown")).to_be_visible()
    page.get_by_label(f"Revision of {TWO[0]}", exact=True).select_option(index=1)
    page.wait_for_url(lambda url: "%40" in url and "only=different" in url)
    expect(page.get_by_text("None of them was measured")).to_be_visible()

    page.goto("/")
    for _time in range(3):
        page.go_back()
    page.wait_for_url(whole)
    expect(page.get_by_role("heading", name="Compare models")).to_be_visible()

    page.get_by_label(f"Take {TWO[1]} out").press("Enter")
    expect(page.get_by_role("heading", name="Add a model")).to_be_visible()
