"""The two themes, in colours that a terminal with 256 of them shows as they are meant."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#5fafff",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#303030",
    success="#5faf5f",
    warning="#ffaf5f",
    error="#ff5f5f",
    dark=True,
    variables={
        "dim": "#8a8a8a",
        "bar": "#5f87af",
        "cursor-background": "#303a48",
        "alarm-foreground": "#ffffff",
        "alarm-background": "#870000",
        "state-pending": "#afaf87",
        "state-running": "#5fd7ff",
        "state-overdue": "#ffaf5f",
        "state-success": "#5faf5f",
        "state-fail": "#ff5f5f",
        "state-dead": "#d787ff",
        "input-cursor-background": "#d0d0d0",
        "input-cursor-foreground": "#121212",
    },
)

LIGHT = Theme(
    name="light",
    primary="#005faf",
    foreground="#262626",
    background="#ffffff",
    surface="#eeeeee",
    panel="#dadada",
    success="#008700",
    warning="#875f00",
    error="#af0000",
    dark=False,
    variables={
        "dim": "#6c6c6c",
        "bar": "#5f87af",
        "cursor-background": "#d7e7ff",
        "alarm-foreground": "#ffffff",
        "alarm-background": "#af0000",
        "state-pending": "#5f5f00",
        "state-running": "#0087af",
        "state-overdue": "#af5f00",
        "state-success": "#008700",
        "state-fail": "#af0000",
        "state-dead": "#8700af",
        "input-cursor-background": "#262626",
        "input-cursor-foreground": "#ffffff",
    },
)

THEMES = (DARK, LIGHT)
