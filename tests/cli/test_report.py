"""Tables, messages and bars: text from a user is shown as it is, whole, whatever it looks like."""

import io

import pytest
from rich.console import Console

from spikescan import bars, report

ODD = ("[silence]", "a[/b]", "[bold]x", ":cat:", "[link=http://x]y[/link]", "$x^$", "\\[z]")


def narrow(monkeypatch, width):
    monkeypatch.setattr(report, "console", lambda: Console(width=width))  # one that reads markup


def test_a_table_on_a_narrow_terminal_is_whole(capsys, monkeypatch):
    narrow(monkeypatch, 30)
    report.show_table("", ["name", "what"], [["a" * 40, "b" * 40]], numbers=False)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert (shown.count("a"), shown.count("b")) == (42, 40)  # two in the heading


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("width", [60, None])
def test_no_text_is_markup(capsys, monkeypatch, text, width):
    if width:
        narrow(monkeypatch, width)
    report.show_table(text, ["class", text], [[text, "1"]])
    report.show_pairs(text, {text: text})
    report.say(text)
    shown = capsys.readouterr()
    assert shown.out.count(text) == 6
    assert shown.err == text + "\n"


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("bar", [report.conversion, report.download])
def test_no_file_name_is_markup(monkeypatch, text, bar):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(bars, "screen", lambda: terminal)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with bar() as advance:
        advance(text, 1, 4)
        advance(text, 4, 4)
    shown = terminal.file.getvalue()
    assert f" {text} " in shown
    assert " left" in shown
    assert ("4/4" in shown) or ("4/4 bytes" in shown)


def test_no_bar_but_on_a_terminal(capsys):
    with report.conversion() as advance:
        advance("x", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_percents_have_one_form():
    assert report.percent(0.5012) == "50.1 %"
    assert report.percents([0.5, 1]) == "50.0 %, 100.0 %"
    assert report.percents(None) == report.percent(None) == "–"
