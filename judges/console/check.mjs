// Looks at the page of endpoints in a real browser, in the states that PARAPH_CONSOLE
// lists: {"link": …, "pages": {name: address}}. Of each it takes pictures at 360 and
// 1280 px, light and dark, runs axe, and looks for errors in the console (a breach of the
// content security policy is one) and for sideways scrolling at 320 px. Then an event is
// sent anew by keyboard, and without script the link is put in by hand. A verdict a line.
import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const set = JSON.parse(process.env.PARAPH_CONSOLE)
const out = process.env.PARAPH_CONSOLE_PICTURES
if (out) mkdirSync(out, { recursive: true })

let failed = 0
const say = (good, what) => {
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} the page of endpoints: ${what}`)
}

const browser = await chromium.launch({ executablePath: process.env.PARAPH_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })

async function open(options) {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.on('console', (m) => m.type() === 'error' && !/status of 4\d\d/.test(m.text()) && say(false, `console: ${m.text()}`))
  page.on('pageerror', (e) => say(false, e.message))
  page.on('request', (r) => new URL(r.url()).origin !== new URL(set.link).origin && say(false, `it asks another host: ${r.url()}`))
  return { context, page }
}

async function look(page, name, scheme) {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 740 })
    await page.evaluate(axe)
    const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
    say(violations.length === 0, `axe finds nothing on ${name}, ${scheme}, ${width} px ${violations.map((v) => `${v.id}: ${v.nodes[0].html}`).join('; ')}`)
    if (out) await page.screenshot({ path: `${out}/${name}-${scheme}-${width}.png`, fullPage: true })
  }
  await page.setViewportSize({ width: 320, height: 740 })
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
  say(!wide, `${name} does not scroll sideways at 320 px, ${scheme}`)
}

for (const scheme of ['light', 'dark']) {
  const { context, page } = await open({ colorScheme: scheme })
  await page.goto(set.link.split('#')[0])
  await look(page, 'enter', scheme)
  await page.goto('about:blank')
  await page.goto(set.link)
  await page.getByRole('button', { name: 'Leave' }).waitFor()
  say(new URL(page.url()).hash === '', `the link is taken out of the address, ${scheme}`)
  await look(page, 'endpoints', scheme)
  for (const [name, address] of Object.entries(set.pages)) {
    await page.goto(address)
    for (const d of await page.locator('details').all()) await d.evaluate((e) => (e.open = true))
    await look(page, name, scheme)
  }
  await context.close()
}

{ // By keyboard alone: from the dead event to sending it anew.
  const { context, page } = await open({})
  await page.goto(set.link)
  await page.getByRole('button', { name: 'Leave' }).waitFor()
  await page.goto(set.pages.dead)
  let at = ''
  for (let n = 0; n < 20 && at !== 'Send anew'; n++) {
    await page.keyboard.press('Tab')
    at = await page.evaluate(() => document.activeElement.textContent)
  }
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
  say(at === 'Send anew' && ring !== 'none' && page.url() === set.pages.dead, 'an event is sent anew by keyboard, and the focus is seen')
  await page.getByRole('button', { name: 'Leave' }).click()
  await page.getByLabel('Link or token').waitFor()
  say(true, 'leaving ends the visit')
  await context.close()
}

{ // Without script.
  const { context, page } = await open({ javaScriptEnabled: false })
  await page.goto(set.link)
  await page.getByLabel('Link or token').fill(set.link)
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByRole('button', { name: 'Leave' }).waitFor()
  say((await page.locator('tbody tr').count()) > 1, 'it works without script')
  await context.close()
}
await browser.close()
process.exit(failed ? 1 : 0)
