// Looks at the documentation of a running server (PARAPH_DOCS names it) in a real browser:
// at several widths, light and dark, with axe; for errors in the console (a breach of the
// content security policy is one), requests to other hosts, and sideways scrolling at 320 px.
// Then it searches by keyboard, tries operations, and reads without script. A verdict a line.
import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const set = JSON.parse(process.env.PARAPH_DOCS)
const out = process.env.PARAPH_DOCS_PICTURES
if (out) mkdirSync(out, { recursive: true })

let failed = 0
const say = (good, what) => {
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} the documentation: ${what}`)
}

const browser = await chromium.launch({ executablePath: process.env.PARAPH_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })

async function open(options) {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.on('console', (m) => m.type() === 'error' && !/status of 4\d\d/.test(m.text()) && say(false, `console: ${m.text()}`))
  page.on('pageerror', (e) => say(false, e.message))
  page.on('request', (r) => new URL(r.url()).origin !== new URL(set.url).origin && !r.url().startsWith('blob:') && say(false, `it asks another host: ${r.url()}`))
  return { context, page }
}

async function findings(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  return violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.length} × ${v.nodes[0].html.slice(0, 200)}`)
}

const looked = ['', '/start', '/start-java', '/from-docusign', '/reference', '/reference/tasks', '/nowhere'] // the others are made of the same parts
for (const scheme of ['light', 'dark']) {
  const { context, page } = await open({ colorScheme: scheme })
  for (const path of looked) {
    const name = path.replaceAll('/', '-').slice(1) || 'index'
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      await page.goto(set.url + '/docs' + path)
      const found = await findings(page)
      say(found.length === 0, `axe finds nothing on ${name}, ${scheme}, ${width} px ${found.join('; ')}`)
      if (out) await page.screenshot({ path: `${out}/${name}-${scheme}-${width}.png` })
    }
    await page.setViewportSize({ width: 320, height: 740 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
    say(!wide, `${name} does not scroll sideways at 320 px, ${scheme}`)
  }
  await context.close()
}

{ // Every other page once; of the decisions, which are all made alike, one.
  const { context, page } = await open({ viewport: { width: 1280, height: 800 } })
  let bad = 0
  const others = set.pages.filter((path) => !looked.includes(path.slice('/docs'.length)) && !/decisions\/\d/.test(path)).concat(set.pages.find((path) => /decisions\/\d/.test(path)))
  for (const path of others) {
    await page.goto(set.url + path)
    for (const f of await findings(page)) {
      bad++
      say(false, `axe on ${path}: ${f}`)
    }
  }
  say(bad === 0, `axe finds nothing on any of ${others.length} other pages`)
  await context.close()
}

{ // Search, by keyboard alone.
  const { context, page } = await open({ viewport: { width: 1280, height: 800 } })
  await page.goto(set.url + '/docs')
  await page.keyboard.press('/')
  await page.keyboard.type('four_eyes')
  await page.locator('#found a').first().waitFor()
  const first = await page.locator('#found a').first().getAttribute('href')
  say(first === '/docs/errors#four_eyes', `a code is found by its name: ${first}`)
  const found = await findings(page)
  say(found.length === 0, `axe finds nothing on what was found ${found.join('; ')}`)
  if (out) await page.screenshot({ path: `${out}/search-1280.png` })
  await Promise.all([page.waitForURL('**/docs/errors#four_eyes'), page.keyboard.press('Enter')])
  await page.keyboard.press('Tab')
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
  say(ring !== 'none', 'the focus is seen')
  await page.keyboard.press('/')
  await page.keyboard.type('zzzzqq')
  await page.getByText('Nothing has all these words').waitFor()
  await page.keyboard.press('Escape')
  say(await page.locator('#results').isHidden(), 'Escape ends the search')
  await context.close()
}

{ // Operations are tried: with a token, with a body, with a file; refusals are shown.
  const { context, page } = await open({ viewport: { width: 1280, height: 800 } })
  await page.goto(set.url + '/docs/reference/documents')
  const trial = async (id, fill) => {
    const box = page.locator('section.op', { has: page.locator(`h2#${id}`) }).locator('details.try')
    await box.locator('summary').click()
    if (fill) await fill(box)
    await box.getByRole('button', { name: 'Send' }).click()
    await box.locator('[data-status]').filter({ hasText: /^\d\d\d/ }).waitFor()
    await box.locator('[data-stop]').waitFor({ state: 'hidden' }) // all of the answer is there
    return { status: await box.locator('[data-status]').textContent(), answer: await box.locator('[data-answer]').textContent(), curl: await box.locator('[data-curl]').textContent(), box }
  }
  let got = await trial('listDocuments')
  say(got.status.startsWith('401') && got.status.includes('Say who you are'), `without a token it says what to do: ${got.status}`)
  await page.locator('#signin summary').click()
  await page.getByLabel('Client id').fill(set.id)
  await page.getByLabel('Client secret').fill('wrong')
  await page.getByRole('button', { name: 'Get a token' }).click()
  await page.getByText('There is no token.').waitFor()
  await page.getByLabel('Client secret').fill(set.secret)
  await page.getByRole('button', { name: 'Get a token' }).click()
  await page.getByText('There is a token for').waitFor()
  say((await page.getByLabel('Client secret').inputValue()) === '', 'the secret is not kept')
  await page.reload()
  got = await trial('createDraft', (box) => box.getByLabel('Body').fill('{"title": "Tried <b>here</b>", "external_id": "tried-1"}'))
  say(got.status.startsWith('201') && got.answer.includes('Tried <b>here</b>'), `a document is made: ${got.status}`)
  say(got.curl.includes('"Authorization: Bearer $TOKEN"') && got.curl.includes('Idempotency-Key') && !got.curl.includes('eyJ'), 'the curl line is whole and holds no token')
  const found = await findings(page)
  say(found.length === 0, `axe finds nothing on a form with its answer ${found.join('; ')}`)
  if (out) await got.box.screenshot({ path: `${out}/try-1280.png` })
  got = await trial('createDocument', (box) => box.locator('input[type=file]').setInputFiles({ name: 'order.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7 but no more') }))
  say(got.status.startsWith('202') && got.answer.includes('"operation"'), `a file is uploaded: ${got.status}`)
  got = await trial('listDocuments', (box) => box.getByLabel('external_id').fill('tried-1'))
  say(got.status.startsWith('200') && JSON.parse(got.answer).items.length === 1, `a list is filtered: ${got.status}`)
  got = await trial('getDocument', (box) => box.getByLabel('id', { exact: true }).fill('doc_none'))
  say(got.status.startsWith('404') && got.answer.includes('/docs/errors#not_found'), `a refusal is shown: ${got.status}`)
  await page.goto(set.url + '/docs/reference/events')
  const box = page.locator('section.op', { has: page.locator('h2#streamEvents') }).locator('details.try')
  await box.locator('summary').click()
  await box.getByRole('button', { name: 'Send' }).click()
  await box.getByRole('button', { name: 'Stop' }).waitFor()
  await box.locator('[data-status]').filter({ hasText: /^\d\d\d/ }).waitFor()
  await box.getByRole('button', { name: 'Stop' }).click()
  await box.getByText('Stopped.').waitFor()
  say(true, 'a stream is shown, and stopped')
  await context.close()
}

{ // Without script: all is there to be read, and nothing that would not work.
  const { context, page } = await open({ javaScriptEnabled: false, viewport: { width: 360, height: 800 } })
  await page.goto(set.url + '/docs/reference/documents')
  say((await page.locator('section.op').count()) > 10 && await page.locator('.try').first().isHidden() && await page.locator('.search').isHidden(), 'the reference is read without script')
  await page.getByRole('link', { name: 'Contents' }).click()
  say(await page.locator('nav').isVisible(), 'the contents open without script')
  if (out) await page.screenshot({ path: `${out}/contents-360.png` })
  await page.getByRole('link', { name: 'Getting started' }).click()
  say(new URL(page.url()).pathname === '/docs/start', 'and lead on')
  await context.close()
}
await browser.close()
process.exit(failed ? 1 : 0)
