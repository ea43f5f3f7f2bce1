"""Tables and messages."""

from rich.console import Console

from spikescan import report


def test_a_table_on_a_narrow_terminal_is_whole(capsys, monkeypatch):
    monkeypatch.setattr(report, "console", lambda: Console(width=30))
    report.show_table("", ["name", "what"], [["a" * 40, "b" * 40]], numbers=False)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert (shown.count("a"), shown.count("b")) == (42, 40)  # two in the heading
