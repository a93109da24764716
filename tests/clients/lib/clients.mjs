// Clients of two kinds: unmodified npm providers, and a bare one that shows what was acknowledged.
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'

const WAIT_MS = Number(process.env.SELVEDGE_TEST_WAIT_MS ?? 30_000)

/** Waits until `condition` holds; says what did not come where it does not. */
export async function until (condition, what, ms = WAIT_MS) {
  const end = Date.now() + ms
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`did not come within ${ms} ms: ${typeof what === 'function' ? what() : what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** An unmodified npm client. Its tabs do not talk to each other behind the server's back. */
export function provider (t, url, name, { doc = new Y.Doc(), ...options } = {}) {
  const made = new WebsocketProvider(url, name, doc, { WebSocketPolyfill: WebSocket, disableBc: true, ...options })
  t.after(() => {
    made.destroy()
    // Its awareness has a timer that only this ends.
    doc.destroy()
  })
  return made
}

export const synced = (...providers) =>
  until(() => providers.every(one => one.synced), () => `${providers.filter(one => !one.synced).length} clients synced`)

export const connected = (...providers) => until(() => providers.every(one => one.wsconnected), 'all clients connected')

const encoded = state => Buffer.from(Y.encodeStateVector(state)).toString('base64')

/** All documents hold the same structs and show the same. */
export const converged = (docs, read) => until(() => {
  const [first, ...others] = docs
  const vector = encoded(first)
  const shown = JSON.stringify(read(first))
  return others.every(doc => encoded(doc) === vector && JSON.stringify(read(doc)) === shown)
}, () => `${docs.length} documents equal: ${docs.map(doc => JSON.stringify(read(doc)).slice(0, 60)).join(' | ')}`)

const SYNC = 0

/**
 * A client on a bare socket: sends every update of `doc` at once, and keeps beside it `acknowledged`, a document made of nothing but
 * what the server sent. What of the client's own edits is in there, the server has acknowledged.
 */
export class BareClient {
  constructor (url, name, { doc = new Y.Doc(), acknowledged = new Y.Doc() } = {}) {
    this.doc = doc
    this.acknowledged = acknowledged
    this.closed = new Promise(resolve => { this.onClosed = resolve })
    this.url = `${url}/${encodeURIComponent(name)}`
    this.onUpdate = (update, origin) => { if (origin !== this) this.send(encoder => sync.writeUpdate(encoder, update)) }
    doc.on('update', this.onUpdate)
  }

  open () {
    this.socket = new WebSocket(this.url)
    this.socket.binaryType = 'nodebuffer'
    this.socket.on('message', data => this.receive(data))
    this.socket.on('error', () => {})
    this.socket.on('close', code => this.onClosed(code))
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => { this.send(encoder => sync.writeSyncStep1(encoder, this.doc)); resolve(this) })
      this.socket.once('close', code => reject(new Error(`closed with ${code} before it was open`)))
    })
  }

  send (write) {
    if (this.socket?.readyState !== WebSocket.OPEN) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, SYNC)
    write(encoder)
    this.socket.send(encoding.toUint8Array(encoder))
  }

  receive (data) {
    const decoder = decoding.createDecoder(new Uint8Array(data))
    if (decoding.readVarUint(decoder) !== SYNC) return
    const type = decoding.readVarUint(decoder)
    const body = decoding.readVarUint8Array(decoder)
    if (type === sync.messageYjsSyncStep1) {
      this.send(encoder => sync.writeSyncStep2(encoder, this.doc, body))
    } else {
      Y.applyUpdate(this.acknowledged, body, this)
      Y.applyUpdate(this.doc, body, this)
      this.synced ||= type === sync.messageYjsSyncStep2
    }
  }

  /** How many of its own units the server has acknowledged. */
  acknowledgedClock () {
    return Y.getState(this.acknowledged.store, this.doc.clientID)
  }

  /** Takes nothing more from the server. */
  stopListening () {
    this.socket.removeAllListeners('message')
  }

  close () {
    this.doc.off('update', this.onUpdate)
    this.socket?.terminate()
  }
}
