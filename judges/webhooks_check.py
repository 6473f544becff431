"""Verifies requests as endpoints got them with the public Standard Webhooks library for Python.

Usage: webhooks_check.py FILE, as the test TestSamples writes it.
"""
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

failed = False
for sample in json.load(open(sys.argv[1], encoding="utf-8")):
    for secret in sample["secrets"]:
        hook = Webhook(secret)
        good = bad = False
        try:
            hook.verify(sample["body"].encode(), sample["headers"])
            good = True
        except WebhookVerificationError as error:
            print("   ", error)
        try:
            hook.verify((sample["body"] + " ").encode(), sample["headers"])
            bad = True
        except WebhookVerificationError:
            pass
        ok = good and not bad
        failed = failed or not ok
        print(("ok" if ok else "not ok"), "standardwebhooks for Python:", sample["name"])
sys.exit(failed)
