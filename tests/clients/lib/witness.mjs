// Two well-behaved clients that edit beside an attack, and must never notice it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { provider, synced, until } from './clients.mjs'

/** So many words are written beside the shortest attack. */
const WORDS_MIN = 100

// Every open socket of the `ws` package listens for the end of the process.
process.setMaxListeners(0)

const text = doc => doc.getText('text').toString()

/** Bytes of memory that the process holds. */
export const residentBytes = pid => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024

export class Witness {
  constructor (t, server, name = 'witness') {
    this.t = t
    this.server = server
    this.name = name
    this.words = []
    this.trouble = []
    this.peak = 0
    this.clients = [provider(t, server.url, name), provider(t, server.url, name)]
  }

  async begin () {
    // y-protocols catches what an update throws in a client, and writes it there.
    const { error } = console
    console.error = (...what) => { this.trouble.push(what.map(one => one?.stack ?? String(one)).join(' ')); error(...what) }
    this.t.after(() => { console.error = error })
    await synced(...this.clients)
    this.base = residentBytes(this.server.pid)
    for (const client of this.clients) {
      client.on('connection-close', event => this.trouble.push(`closed with ${event?.code}`))
      client.on('connection-error', () => this.trouble.push('connection error'))
    }
    this.timer = setInterval(() => this.step(), 10)
    this.t.after(() => this.stop())
    return this
  }

  step () {
    const client = this.clients[this.words.length % 2]
    const word = `w${this.words.length}`
    const shared = client.doc.getText('text')
    shared.insert(shared.length, word + ' ')
    this.words.push(word)
    this.peak = Math.max(this.peak, residentBytes(this.server.pid))
  }

  stop () {
    clearInterval(this.timer)
    this.clients.forEach(client => client.destroy())
  }

  /** Nothing was noticed, nothing was lost, and the server's memory has grown by no more than this. */
  async end (growthMiB = 256) {
    await until(() => this.words.length >= WORDS_MIN, 'words beside the attack')
    clearInterval(this.timer)
    const [a, b] = this.clients
    const whole = doc => {
      const seen = text(doc).split(' ')
      return seen.length === this.words.length + 1 && this.words.every(word => seen.includes(word))
    }
    await until(() => whole(a.doc) && whole(b.doc) && text(a.doc) === text(b.doc), () =>
      `both have all ${this.words.length} words: ${text(a.doc).length} and ${text(b.doc).length} letters; ${this.trouble}; ${this.server.log().slice(-2000)}`)
    assert.deepEqual([...this.trouble], [])
    const fresh = provider(this.t, this.server.url, this.name)
    await synced(fresh)
    await until(() => text(fresh.doc) === text(a.doc), 'a fresh client sees the same')
    fresh.destroy()
    const growth = (this.peak - this.base) / 2 ** 20
    this.t.diagnostic(`${this.words.length} words beside it; memory grew by ${growth.toFixed(0)} MiB at most`)
    assert.ok(growth <= growthMiB, `memory grew by ${growth.toFixed(0)} MiB`)
    this.clients.forEach(client => client.destroy())
  }
}
