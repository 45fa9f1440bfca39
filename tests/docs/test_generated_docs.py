"""The generated pages say what the code says today, and the code explains each of its keys."""

import pytest

from app.settings import Settings
from scripts.generate_docs import (
    ROOT,
    channel_modules,
    model_in,
    options_class,
    options_of,
    pages,
)

PAGES = pages()
SECTIONS = Settings.model_fields


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_generated_page_is_what_the_code_would_write(page):
    committed = page.read_text("utf-8") if page.exists() else ""
    assert committed == PAGES[page], f"run: make docs, and commit {page.relative_to(ROOT)}"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is(section):
    if model_in(SECTIONS[section].annotation) is None:
        assert SECTIONS[section].description
    else:
        assert not list(silent(section, SECTIONS[section].annotation))


def silent(name, annotation):
    """Keys without a description, of a section and of those inside; sections tell themselves."""
    for key, field in model_in(annotation).model_fields.items():
        if model_in(field.annotation) is not None:
            yield from silent(f"{name}.{key}", field.annotation)
        elif not field.description:
            yield f"{name}.{key}"


@pytest.mark.parametrize("module", channel_modules(), ids=lambda module: module.__name__)
def test_every_key_of_a_channel_says_what_it_is(module):
    assert not [o.name for o in options_of(options_class(module)) if not o.comment]
