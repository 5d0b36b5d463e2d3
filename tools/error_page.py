"""Write the page of the library's errors from their table, `tests/errors/cases.py`.

python -m tools.error_page
"""

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "errors.md"

HEAD = """\
# Errors

<!-- Written by `python -m tools.error_page`; a test compares. -->

Every sentence with which `convlib` refuses something, beside a call that meets it. A test makes
each call and compares. A `ValueError` is about a value, a `TypeError` about a kind of thing. Each
sentence names the function and the rule, with its arithmetic, then what came, then a repair where
the rule does not say it already.

No function returns a wrong answer in place of an error, and none fills the memory first: what
cannot fit is refused before anything is made. No function writes to its inputs, also when it
refuses them.

The calls below share these names:

```python
{setup}
```
"""


def block(call, error):
    """A call and its sentence, as a session at the prompt shows them."""
    first, *rest = call.splitlines()
    sentence = f"{type(error).__name__}: {error}"
    shown = textwrap.wrap(sentence, 76, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["```pycon", f">>> {first}", *(f">>> {line}" for line in rest), *shown, "```"])


def page(cases):
    """The text of the page; `cases` is the module of the table."""
    parts = [HEAD.format(setup=cases.SETUP)]
    for section, calls in cases.CASES.items():
        parts += [f"## {section}\n"]
        parts += [block(call, cases.run(call)) + "\n" for call, _ in calls]
    return "\n".join(parts)


def main():
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from errors import cases

    PAGE.write_text(page(cases), "utf-8")


if __name__ == "__main__":
    main()
