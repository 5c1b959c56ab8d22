"""The page that asks for a token where a live page is not for everybody."""

from __future__ import annotations

from typing import Final

from bulkconn.report.markup import Markup, asset, policy, tag, together

#: The policy with which it is served: no script, and its form goes to its own server alone.
DOOR_POLICY: Final = policy(asset("page.css"), more="; frame-ancestors 'none'; form-action 'self'")


def door(words: str) -> str:
    """Give the page; `words` say what was wrong with the last try, if there was one."""
    label = tag(
        "label",
        tag("span", "Token"),
        tag("input", type="password", name="token", autocomplete="off", required=True),
    )
    form = tag("form", label, tag("button", "Look"), method="post", action="token", class_="tools door")
    return together(
        Markup('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/>'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", "bulkconn"),
        tag("style", Markup(asset("page.css"))),
        Markup("</head><body>"),
        tag("main", tag("p", "bulkconn", class_="brand"), tag("h1", "This page needs a token"),
            tag("p", words, role="alert") if words else "",
            tag("p", "It was printed where ", tag("code", "bulkconn serve"), " began. Programs send it as ",
                tag("code", "Authorization: Bearer TOKEN"), ".", class_="quiet"), form),
        Markup("</body></html>\n"),
    )  # fmt: skip
