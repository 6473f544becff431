// Lets what nobody here wrote log in at a running server: Chromium with its virtual
// authenticator (CDP, domain WebAuthn) by a passkey, and by a provider that
// oidc-provider is. Its argument is the program. axe looks at each page, light and
// dark, at 360 and 1280 px. A verdict a line.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHmac, randomUUID } from 'node:crypto'
import { Provider } from 'oidc-provider'

const require = createRequire(import.meta.url)
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

const out = process.env.PARAPH_LOGIN_PICTURES
if (out) mkdirSync(out, { recursive: true })

let failed = 0
const say = (good, what) => {
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} logins: ${what}`)
}
const freePort = () => new Promise((done) => {
  const s = createServer().listen(0, '127.0.0.1', () => {
    const { port } = s.address()
    s.close(() => done(port))
  })
})

const dir = mkdtempSync(join(tmpdir(), 'login-judge-'))
const port = await freePort()
const base = `http://localhost:${port}`
const server = spawn(process.argv[2], ['serve', '--json', '--data-dir', dir, '--listen', `127.0.0.1:${port}`, '--public-url', base, '--rate-limit', '0', '--log-level', 'error', '--outbound-allow', '127.0.0.0/8'], { stdio: ['ignore', 'pipe', 'inherit'] })
const said = JSON.parse(await new Promise((done) => server.stdout.once('data', (d) => done(String(d)))))
const token = await (await fetch(`${said.address}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: said.client_id, client_secret: said.client_secret }) })).json()
const call = async (path, body) => {
  const res = await fetch(said.address + path, { method: 'POST', body: JSON.stringify(body), headers: { Authorization: `Bearer ${token.access_token}`, 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() } })
  if (!res.ok) throw new Error(`${path}: ${res.status} ${await res.text()}`)
  return res.json()
}

// The code of an app, by RFC 6238, written a second time.
function code(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)))
  const mac = createHmac('sha1', key).update(step).digest()
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0')
}

const browser = await chromium.launch({ executablePath: process.env.PARAPH_BROWSER || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })

async function look(page, name, scheme) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  say(violations.length === 0, `axe finds nothing on ${name}, ${scheme} ${violations.map((v) => `${v.id}: ${v.nodes[0].html}`).join('; ')}`)
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 740 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
    if (wide) say(false, `${name} scrolls sideways at ${width} px`)
    if (out) await page.screenshot({ path: `${out}/${name}-${scheme}-${width}.png` })
  }
}

async function open(scheme) {
  const context = await browser.newContext({ colorScheme: scheme, locale: 'en-GB' })
  const page = await context.newPage()
  page.on('console', (m) => m.type() === 'error' && page.url().startsWith(base) && !/status of 4\d\d/.test(m.text()) && say(false, `console: ${m.text()}`))
  page.on('pageerror', (e) => say(false, e.message))
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })
  return { context, page, cdp, authenticatorId }
}

for (const scheme of ['light', 'dark']) {
  const invited = await call('/v1/invitations', { user_name: `mara.${scheme}@example.com`, name: 'Mara Lind', roles: ['approver'], show: true })
  const { context, page, cdp, authenticatorId } = await open(scheme)
  await page.goto(invited.link)
  await look(page, 'invitation', scheme)
  await page.getByRole('button', { name: 'Set up my account' }).press('Enter')
  await page.waitForURL(`${base}/account`)
  await look(page, 'account-empty', scheme)
  await page.fill('#name', 'Laptop')
  await page.getByRole('button', { name: 'Add a passkey' }).press('Enter')
  await page.getByText('Laptop').waitFor()
  say(true, `Chromium makes a passkey that is kept, ${scheme}`)
  await page.getByRole('link', { name: 'Set up an app' }).press('Enter')
  await page.waitForSelector('#code')
  await look(page, 'codes', scheme)
  await page.fill('#code', '000000')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[role=alert]')
  await look(page, 'codes-refused', scheme)
  await page.fill('#code', code((await page.textContent('.secret')).replace(/ /g, '')))
  await page.keyboard.press('Enter')
  await page.waitForURL(`${base}/account`)
  say((await page.textContent('main')).includes('Set up another app'), `a code that was made by RFC 6238 elsewhere is taken, ${scheme}`)
  await page.getByRole('button', { name: 'Make recovery codes' }).press('Enter')
  await page.getByRole('link', { name: 'I have kept them' }).waitFor()
  await look(page, 'recovery', scheme)
  await page.getByRole('link', { name: 'I have kept them' }).press('Enter')
  await page.getByRole('button', { name: 'Log out here' }).waitFor()
  await look(page, 'account', scheme)
  await page.getByRole('button', { name: 'Log out here' }).press('Enter')
  await page.goto(`${base}/login`)
  await look(page, 'login', scheme)
  await page.getByRole('button', { name: 'Log in with a passkey' }).press('Enter')
  await page.waitForURL(`${base}/account`)
  say(true, `Chromium logs in by the passkey, ${scheme}`)
  await page.getByRole('button', { name: 'Log out here' }).press('Enter')
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await page.goto(`${base}/login`)
  await page.getByRole('button', { name: 'Log in with a passkey' }).press('Enter')
  await page.locator('[data-fault]:visible').waitFor()
  say(true, `a holder who is not verified is told, and not let in, ${scheme}`)
  await context.close()
}

// The provider: oidc-provider, with its own pages.
const there = await freePort()
const issuer = `http://127.0.0.1:${there}`
const set = await call('/v1/login-providers', { name: 'Works SSO', issuer, client_id: 'paraph', client_secret: 'a-secret-of-the-judge', domains: ['example.com'], create_users: true })
const people = { ina: { email: 'ina@example.com', email_verified: true, name: 'Ina Vogt' }, eve: { email: 'eve@example.com', email_verified: false } }
const provider = new Provider(issuer, {
  clients: [{ client_id: 'paraph', client_secret: 'a-secret-of-the-judge', redirect_uris: [set.redirect_uri] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  cookies: { keys: ['judge'] },
  pkce: { required: () => true },
})
const listening = provider.listen(there, '127.0.0.1')
for (const [who, good] of [['ina', true], ['eve', false]]) {
  const { context, page } = await open('light')
  await page.goto(`${base}/login`)
  await page.getByRole('button', { name: 'Log in with Works SSO' }).press('Enter')
  await page.fill('input[name=login]', who)
  await page.fill('input[name=password]', 'x')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.waitForURL((u) => u.origin === base)
  const text = await page.textContent('main')
  say(good ? page.url() === `${base}/account` && text.includes(people[who].email) : text.includes('has not verified your e-mail address'), good ? 'oidc-provider lets somebody in' : 'somebody whose address oidc-provider has not verified is told so')
  await context.close()
}
listening.close()
await browser.close()
const ended = new Promise((done) => server.once('exit', done))
server.kill('SIGINT')
await ended
rmSync(dir, { recursive: true, force: true })
process.exit(failed ? 1 : 0)
