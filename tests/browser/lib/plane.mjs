// A control plane that says what a test wants it to say, with the pages that are built: for what a real one says rarely, or never should.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { end } from '../../clients/lib/server.mjs'

const dist = fileURLToPath(new URL('../../../web/dist/', import.meta.url))
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

/** As the server sends it with the dashboard. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const times = ms => ({ average: ms, p50: ms, p95: ms * 2, p99: ms * 4, max: ms * 5, count: 100 })

/** What `/status` says of a server that is well; `more` is said instead. */
export function statusOf (more = {}) {
  const rates = { updates: 1_250, deliveries: 20_000, bytes_received: 200_000, bytes_sent: 3_000_000 }
  return {
    version: '0.1.0',
    uptime_seconds: 93_784,
    draining: false,
    ready: true,
    unready_reason: null,
    connections: 1_234,
    sessions: 1_500,
    sessions_behind: 0,
    documents: 312,
    per_second: { over_1_s: rates, over_10_s: rates, over_60_s: rates },
    latency_ms: { acknowledge: times(0.2), deliver: times(0.1) },
    operations: ['acknowledge', 'deliver', 'load'].map(operation => ({
      operation, over_10_s_ms: times(0.3), over_60_s_ms: times(0.3), over_300_s_ms: times(0.2),
      comparison: { baseline_p95_ms: 0.4, current_p95_ms: 0.6, change_percent: 50, is_slower: operation === 'load' }
    })),
    cache: { hits: 900, misses: 100, hit_rate: 0.9, used_bytes: 30e6, max_bytes: 256e6 },
    limits: [{ name: 'connections_max', current: 1_234, max: 10_000, hits: 0, unit: 'connections' }],
    per_core: [0.2, 0.9].map((load, core) => ({ core, turning: true, load, cpu: load, connections: 617, sessions: 750, documents: 156 })),
    memory: { used_bytes: 600e6, budget_bytes: 16e9, stage: 'plenty', by_purpose_bytes: { outboxes: 100e6, documents: 300e6 } },
    storage: { writable: true, busy_seconds: 0, queued_records: 0, batches: 10, records: 90, record_bytes: 12e6, failures: 0, queued_reads: 0 },
    quality: { excellent: 1_000, good: 200, poor: 30, unknown: 4, excellent_within_ms: 50, good_within_ms: 150 },
    alerts: [],
    slow_operations_total: 0,
    slow_operations: [],
    ...more
  }
}

/** `answers` maps `GET /path` to what is answered: a value as JSON, text, or a function of the request that gives `{ status, body }`. */
export async function plane (t, { answers = {}, status = statusOf(), token = null } = {}) {
  const made = new Plane({ answers, status, token })
  await made.listen()
  t.after(async () => {
    // Pages ask until they are closed: from here on it is away on purpose.
    await end(t)
    await made.stop()
  })
  return made
}

class Plane {
  constructor (says) {
    Object.assign(this, says)
    this.streams = new Set()
    /** What was asked: method, path with query, body, headers. */
    this.requests = []
    this.server = createServer((request, response) => this.answer(request, response))
    this.port = 0
  }

  get control () { return `http://127.0.0.1:${this.port}` }

  async listen () {
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = this.server.address().port
    this.timer = setInterval(() => { if (!this.isSilent) this.say('status', this.status) }, 1_000)
  }

  /** Closes all connections, and listens no longer. */
  async stop () {
    clearInterval(this.timer)
    if (!this.server.listening) return
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }

  say (event, data) {
    for (const stream of this.streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  asked (method, path) {
    return this.requests.filter(request => request.method === method && request.path.startsWith(path))
  }

  async answer (request, response) {
    const { pathname } = new URL(request.url, this.control)
    const file = { '/': 'dashboard/index.html' }[pathname] ?? (pathname.startsWith('/assets/') ? pathname.slice(1) : null)
    if (file !== null) {
      const bytes = await readFile(join(dist, file))
      response.writeHead(200, { 'content-type': types[extname(file)], 'content-security-policy': policy }).end(bytes)
      return
    }
    let body = ''
    for await (const piece of request) body += piece
    this.requests.push({ method: request.method, path: request.url, body: body === '' ? null : JSON.parse(body), headers: request.headers })
    const problem = (status, detail) =>
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ type: 'about:blank', title: 'x', status, detail }))
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      problem(401, request.headers.authorization ? 'no key of this server has signed the token' : 'a token is needed')
      return
    }
    if (pathname === '/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      this.streams.add(response)
      response.on('close', () => this.streams.delete(response))
      if (!this.isSilent) response.write(`: hello\n\nevent: status\ndata: ${JSON.stringify(this.status)}\n\n`)
      return
    }
    const found = this.answers[`${request.method} ${pathname}`]
    if (found === undefined) return problem(404, `nothing answers to ${request.method} ${pathname}`)
    const answered = typeof found === 'function' ? found(this.requests.at(-1)) : { status: 200, body: found }
    if (answered.status >= 400) return problem(answered.status, answered.body)
    const isText = typeof answered.body === 'string'
    response.writeHead(answered.status, { 'content-type': isText ? 'text/plain' : 'application/json' }).end(isText ? answered.body : JSON.stringify(answered.body))
  }
}
