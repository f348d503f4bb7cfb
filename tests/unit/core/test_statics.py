from pathlib import Path

import brotli

from apps.core.statics import StaticFiles


def test_files_are_compressed_for_every_browser(tmp_path: Path):
    text = b"const answer = 42;\n" * 500
    path = tmp_path / "a.js"
    path.write_bytes(text)
    compressor = StaticFiles(location=tmp_path, base_url="/static/").create_compressor(
        quiet=True
    )

    made = [Path(name) for name in compressor.compress(str(path))]

    assert {one.suffix for one in made} == {".br", ".gz"}
    packed = (tmp_path / "a.js.br").read_bytes()
    assert brotli.decompress(packed) == text
    assert len(packed) < len(text) / 20
