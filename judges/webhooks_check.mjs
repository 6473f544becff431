// Verifies requests as endpoints got them with the public Standard Webhooks library for JavaScript.
// Usage: node webhooks_check.mjs FILE, as the test TestSamples writes it.
import { readFileSync } from "node:fs"
import { Webhook } from "standardwebhooks"

let failed = false
const verified = (hook, body, headers) => {
  try {
    hook.verify(body, headers)
    return true
  } catch {
    return false
  }
}
for (const sample of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  for (const secret of sample.secrets) {
    const hook = new Webhook(secret)
    const ok = verified(hook, sample.body, sample.headers) && !verified(hook, sample.body + " ", sample.headers)
    failed ||= !ok
    console.log(ok ? "ok" : "not ok", "standardwebhooks for JavaScript:", sample.name)
  }
}
process.exit(failed ? 1 : 0)
