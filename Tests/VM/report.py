"""One line for each promise, as TAP has it: `ok 3 - what` or `not ok 3 - what`, and what was seen below."""

import traceback


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = []

    def check(self, what, is_right, seen=None):
        number = self.passed + len(self.failed) + 1
        print(f"{'ok' if is_right else 'not ok'} {number} - {what}", flush=True)
        if is_right:
            self.passed += 1
        else:
            self.failed.append(what)
        if seen is not None and not is_right:
            self.note(seen)

    def note(self, text):
        for line in str(text).splitlines():
            print("#   " + line, flush=True)

    def section(self, title, body, *arguments):
        """A part whose failure does not keep the next one from running."""
        print("# " + title, flush=True)
        try:
            body(*arguments)
        except Exception:
            self.check(title + " came to its end", False, traceback.format_exc())

    def end(self):
        print(f"1..{self.passed + len(self.failed)}")
        print(f"# {self.passed} ok, {len(self.failed)} not ok")
        return 1 if self.failed else 0
