// Lets tus-js-client send a large file to a running server, over a line that breaks
// again and again: a proxy on this machine cuts each connection after a random number
// of bytes, before an answer or after it was sent. The file has to arrive whole, as
// one document, and the server's memory must not grow with it. Its arguments are the
// program and the file's size in MB; a verdict a line.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as tus from 'tus-js-client'

const [program, megabytes = '1200'] = process.argv.slice(2)
const size = Number(megabytes) * 1e6
let failed = 0
const say = (good, what) => {
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} tus: ${what}`)
}

const dir = mkdtempSync(join(tmpdir(), 'tus-judge-'))
const server = spawn(program, ['serve', '--json', '--data-dir', dir, '--listen', '127.0.0.1:0', '--rate-limit', '0', '--log-level', 'error'], { stdio: ['ignore', 'pipe', 'inherit'] })
const said = JSON.parse(await new Promise((done) => server.stdout.once('data', (d) => done(String(d)))))
const { access_token: token } = await (await fetch(`${said.address}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: said.client_id, client_secret: said.client_secret }) })).json()
const headers = { Authorization: `Bearer ${token}` }
const get = async (path) => (await fetch(said.address + path, { headers })).json()
const peak = () => Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024

// The line: it cuts what goes up after 20 to 180 MB, and now and then an answer.
let cuts = 0
const there = new URL(said.address)
const line = createServer((near) => {
  const far = connect(Number(there.port), there.hostname)
  let left = 20e6 + Math.random() * 160e6
  const mute = Math.random() < 0.15
  const cut = () => {
    if (near.destroyed) return
    cuts++
    near.destroy()
    far.destroy()
  }
  near.on('data', (chunk) => {
    if ((left -= chunk.length) < 0) return cut()
    if (!far.write(chunk)) {
      near.pause()
      far.once('drain', () => near.resume())
    }
  })
  far.on('data', (chunk) => (mute ? cut() : near.write(chunk)))
  for (const [one, other] of [[near, far], [far, near]]) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}).listen(0, '127.0.0.1')
await new Promise((done) => line.once('listening', done))
const through = `http://127.0.0.1:${line.address().port}`

// A file that no disk holds: any part of it can be made again.
const block = Buffer.alloc(1 << 20)
for (let i = 0; i < block.length; i++) block[i] = (i * 2654435761) >>> 13
const part = (start, end) => {
  const out = Buffer.allocUnsafe(end - start)
  for (let at = start; at < end;) {
    const from = at % block.length
    const n = Math.min(block.length - from, end - at)
    block.copy(out, at - start, from, from + n)
    if (from === 0 && n >= 8) out.writeBigUInt64BE(BigInt(at / block.length), at - start) // no two blocks are alike
    at += n
  }
  return out
}
const wanted = createHash('sha256')
for (let at = 0; at < size; at += block.length) wanted.update(part(at, Math.min(at + block.length, size)))
const sum = wanted.digest('hex')

const slice = async (start, end) => {
  const value = part(start, Math.min(end, size))
  value.size = value.length // as the client's own sources of Node do
  return { value, done: end >= size }
}
const before = peak()
const began = Date.now()
let retries = 0
const chunk = 64 * block.length
const upload = new tus.Upload({ size }, {
  endpoint: `${through}/v1/uploads`, headers, chunkSize: chunk, uploadSize: size, retryDelays: Array(400).fill(20),
  metadata: { filename: 'large.bin', filetype: 'application/octet-stream', title: 'A large file' },
  fileReader: { openFile: async () => ({ size, slice, close() {} }) },
  onShouldRetry: () => ++retries < 400,
})
const outcome = await new Promise((done) => {
  upload.options.onSuccess = () => done(null)
  upload.options.onError = done
  upload.start()
})
const seconds = (Date.now() - began) / 1000
say(!outcome, `tus-js-client sends ${megabytes} MB over a line that broke ${cuts} times (${retries} retries, ${seconds.toFixed(1)} s) ${outcome ?? ''}`)
say(cuts >= 3, `the line broke at least three times: ${cuts}`)

const { items } = await get('/v1/documents')
say(items.length === 1 && items[0].title === 'A large file', `one document came of it: ${items.length}`)
const res = await fetch(`${said.address}/v1/documents/${items[0]?.id}/versions/1/content`, { headers })
const arrived = createHash('sha256')
let bytes = 0
for await (const piece of Readable.fromWeb(res.body)) {
  arrived.update(piece)
  bytes += piece.length
}
say(bytes === size && arrived.digest('hex') === sum, `it holds the bytes that were sent: ${bytes}`)
const grown = peak() - before
say(grown < 200, `the server's memory grew by ${grown.toFixed(0)} MB at most, from ${before.toFixed(0)} MB`)

const short = new tus.Upload({ size: 10 }, { endpoint: `${said.address}/v1/uploads`, headers: { Authorization: 'Bearer wrong' }, uploadSize: 10, retryDelays: [], fileReader: upload.options.fileReader })
const refused = await new Promise((done) => {
  short.options.onSuccess = () => done('taken')
  short.options.onError = (e) => done(e.originalResponse?.getStatus())
  short.start()
})
say(refused === 401, `an upload by nobody is refused: ${refused}`)

line.close()
server.kill('SIGKILL')
rmSync(dir, { recursive: true, force: true })
process.exit(failed ? 1 : 0)
