"""Asks poppler's pdfsig what it makes of each sealed sample.

    python pdfsig_check.py SAMPLES

It runs in an empty home folder, without anyone's certificates: pdfsig judges
the signatures here, not whom to trust (pyHanko judges that). What it is not able to judge
stands in able.json and is told. Document timestamps it does not know. One line a verdict.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import able


def judge(path, home, want):
    run = subprocess.run(
        ["pdfsig", "-nocert", *(["-upw", want["password"]] if "password" in want else []), str(path)],
        capture_output=True, text=True, timeout=60, env=os.environ | {"LC_ALL": "C", "HOME": home},
    )
    signatures = [s for s in run.stdout.split("Signature #")[1:] if "Signature Type: unknown" not in s]
    verdicts = re.findall(r"- Signature Validation: (.*)", "".join(signatures))
    total = want["signatures"] + want.get("earlier", 0)
    if len(verdicts) != total:
        return f"{len(verdicts)} signatures, not {total}: {run.stderr.strip()[-200:]}"
    bad = [v for v in verdicts if v.strip() != "Signature is Valid."]
    return "; ".join(bad)


def main(folder):
    expected = json.loads((Path(folder) / "expected.json").read_text())
    with tempfile.TemporaryDirectory() as home:
        for name, want in sorted(expected.items()):
            why = able.lacks("pdfsig", name)
            if why:
                print(f"(not judged by pdfsig: {name}: {why})")
                continue
            wrong = judge(Path(folder) / name, home, want)
            print(f"not ok pdfsig {name}: {wrong}" if wrong else f"ok pdfsig {name}")


main(sys.argv[1])
