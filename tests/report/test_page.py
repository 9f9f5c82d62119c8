"""The page: one file, nothing loaded, and what it says is the trace's."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest
from helpers.traces import GROUPS, made
from helpers.training import fit, mlp

from keras_gradclip import AutoClip, ClipMonitor, optimizers
from keras_gradclip.report import summarize, write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, BROWSERS)), None
)


def page_of(tmp_path, trace=None, **arguments):
    trace = made(drift=3.0, broken=[7]) if trace is None else trace
    return write_report({"run": trace}, tmp_path / "run.html", **arguments).read_text()


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))


def test_the_words_are_the_summarys(tmp_path):
    page = page_of(tmp_path)
    for words in summarize(made(drift=3.0, broken=[7])).words:
        assert html.escape(words) in page
    for name in GROUPS:
        assert name in page
    assert "ClipByNorm(max_norm=3.0)" in page  # the settings
    assert "1,204" in page


def test_nothing_in_it_leads_elsewhere(tmp_path):
    page = page_of(tmp_path)
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+[^\s\"']*", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, never fetched
    assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=\"(?!data:)", page)
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_the_size_is_stated(tmp_path):
    page = page_of(tmp_path)
    stated = int(re.search(r"all there is, ([\d,]+) kB", page).group(1))
    assert stated == pytest.approx(len(page.encode()) / 1024, abs=1)
    assert stated < 150


def test_names_cannot_break_out(tmp_path):
    names = ["</script><b>one", "a&b", '"quoted"']
    page = page_of(tmp_path, made(groups=names, settings={"note": "<i>"}))
    assert "<b>one" not in page
    assert "<i>" not in page
    assert [c["name"] for c in data_of(page)[0]["curves"]][1:] == names


def test_several_runs_are_sections_with_headings(tmp_path):
    runs = {"first": made(steps=50, spikes=()), "second": made(steps=60, spikes=())}
    page = write_report(runs, tmp_path / "runs.html", title="Compared").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["first", "second"]
    assert "<title>Compared</title>" in page
    assert len(data_of(page)) == 2
    with pytest.raises(ValueError, match="`runs` must hold at least one"):
        write_report({}, tmp_path / "none.html")


def test_a_monitor_writes_its_own(tmp_path):
    monitor = ClipMonitor()
    with pytest.raises(ValueError, match="once an epoch has ended"):
        monitor.report(tmp_path / "none.html")
    clipper = AutoClip(30, scope="layer")
    fit(mlp(), optimizers.Adam(0.01, clipper=clipper), epochs=4, callbacks=[monitor])
    page = monitor.report(tmp_path / "run.html").read_text()
    for words in summarize(monitor.trace, monitor.spikes).words:
        assert html.escape(words) in page
    assert "percentile=30" in page
    assert "<h3>Advice</h3>" not in page
    advised = monitor.report(tmp_path / "run.html", advice=True).read_text()
    assert "Recommended: " in advised


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium on the path or CHROMIUM")
def test_a_browser_draws_it_and_fetches_nothing(tmp_path):
    page_of(tmp_path)
    log = tmp_path / "net.json"
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
        f"--log-net-log={log}", "--enable-logging=stderr", "--dump-dom",
        (tmp_path / "run.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    dom = done.stdout
    assert 'data-ready="yes"' in dom
    assert "data-error" not in dom.split("<body")[0]
    assert "CONSOLE" not in done.stderr
    # The curves, and one dot for each column that was clipped.
    data = data_of((tmp_path / "run.html").read_text())[0]
    whole = data["curves"][0]
    drawn = sum(
        c > 0 and h is not None for c, h in zip(whole["clipped"], whole["high"])
    )
    assert len(re.findall(r"<circle", dom)) == drawn > 0
    assert re.search(r'<path[^>]* d="M', dom)
    percentile = whole["percentiles"][89]
    assert f"a threshold of {percentile:.3g} would clip 10 % of steps" in dom
    told = log.read_text()
    asked = set(re.findall(r'"url":"(\w+:[^"]*)"', told))
    assert not [u for u in asked if "run.html" in u and not u.startswith("file:")]
