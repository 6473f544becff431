// Walks through the login, the question and the device's pages of the running
// server that PARAPH_OAUTH describes, in a real browser: by keyboard, light and
// dark, at 320 and 1280 px, with axe on each page. A breach of the content security
// policy, which browsers hold redirects of forms to as well, is an error in the
// console. A verdict a line.
import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createHash, randomBytes } from 'node:crypto'

const require = createRequire(import.meta.url)
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const set = JSON.parse(process.env.PARAPH_OAUTH)
const out = process.env.PARAPH_OAUTH_PICTURES
if (out) mkdirSync(out, { recursive: true })

let failed = 0
const say = (good, what) => {
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} the pages of logins: ${what}`)
}

const browser = await chromium.launch({ executablePath: process.env.PARAPH_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })

async function look(page, name, scheme) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  say(violations.length === 0, `axe finds nothing on ${name}, ${scheme} ${violations.map((v) => `${v.id}: ${v.nodes[0].html}`).join('; ')}`)
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 740 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
    if (wide) say(false, `${name} scrolls sideways at ${width} px`)
    if (out) await page.screenshot({ path: `${out}/${name}-${scheme}-${width}.png` })
  }
}

// fill types a login by keyboard alone.
async function login(page) {
  await page.locator('#key').focus()
  await page.keyboard.type(set.person.id)
  await page.keyboard.press('Tab')
  await page.keyboard.type(set.person.secret)
  await page.keyboard.press('Enter')
  await page.waitForURL((u) => !u.pathname.startsWith('/login'))
}

for (const scheme of ['light', 'dark']) {
  const context = await browser.newContext({ colorScheme: scheme, locale: 'en-GB', bypassCSP: false })
  const page = await context.newPage()
  page.on('console', (m) => m.type() === 'error' && !/status of 4\d\d/.test(m.text()) && say(false, `console: ${m.text()}`))
  page.on('pageerror', (e) => say(false, e.message))
  await page.route(`${new URL(set.redirect).origin}/**`, (r) => r.fulfill({ body: 'back', contentType: 'text/plain' }))
  const verifier = randomBytes(32).toString('base64url')
  const asked = new URL('/oauth/authorize', set.issuer)
  asked.search = new URLSearchParams({ response_type: 'code', client_id: set.app.id, redirect_uri: set.redirect, scope: 'openid email documents:read', state: 's', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' })
  await page.goto(asked.href)
  await look(page, 'login', scheme)
  await page.fill('#key', 'cli_nobody')
  await page.fill('#secret', 'x')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[role=alert]')
  await look(page, 'login-refused', scheme)
  await page.fill('#key', '')
  await page.fill('#secret', '')
  await login(page)
  await look(page, 'consent', scheme)
  await page.getByRole('button', { name: 'Allow' }).press('Enter')
  await page.waitForURL((u) => u.href.startsWith(set.redirect))
  const back = new URL(page.url()).searchParams
  const res = await fetch(new URL('/oauth/token', set.issuer), { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', client_id: set.app.id, code: back.get('code'), redirect_uri: set.redirect, code_verifier: verifier }) })
  say(res.status === 200 && back.get('iss') === set.issuer, `a person logs in by keyboard and is sent back with a code that works, ${scheme}`)

  const started = await (await fetch(new URL('/oauth/device_authorization', set.issuer), { method: 'POST', body: new URLSearchParams({ client_id: set.app.id, scope: 'documents:read' }) })).json()
  await page.goto(started.verification_uri)
  await look(page, 'device', scheme)
  await page.fill('#code', 'bbbb bbbb')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[role=alert]')
  await look(page, 'device-unknown', scheme)
  await page.fill('#code', started.user_code.toLowerCase().replace('-', ' '))
  await page.keyboard.press('Enter')
  await page.waitForSelector('button[value=allow]')
  await look(page, 'device-consent', scheme)
  await page.getByRole('button', { name: 'Allow' }).press('Enter')
  await page.getByText('The device is connected').waitFor()
  await look(page, 'device-connected', scheme)
  await page.goto(new URL('/oauth/authorize?client_id=nobody', set.issuer).href)
  await look(page, 'refused', scheme)
  await context.close()
}
await browser.close()
process.exit(failed ? 1 : 0)
