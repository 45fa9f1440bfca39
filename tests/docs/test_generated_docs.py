"""The generated pages say what the code says today, and the code explains each of its keys."""

from typing import get_args

import pytest

from app.settings import Settings
from scripts.generate_docs import ROOT, channel_modules, options_class, options_of, pages

PAGES = pages()
SECTIONS = Settings.model_fields


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_generated_page_is_what_the_code_would_write(page):
    committed = page.read_text("utf-8") if page.exists() else ""
    assert committed == PAGES[page], f"run: make docs, and commit {page.relative_to(ROOT)}"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is(section):
    model = (get_args(SECTIONS[section].annotation) or [SECTIONS[section].annotation])[-1]
    assert not [key for key, field in model.model_fields.items() if not field.description]


@pytest.mark.parametrize("module", channel_modules(), ids=lambda module: module.__name__)
def test_every_key_of_a_channel_says_what_it_is(module):
    assert not [o.name for o in options_of(options_class(module)) if not o.comment]
