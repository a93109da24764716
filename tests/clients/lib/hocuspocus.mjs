// Unmodified Hocuspocus clients: sockets, and providers that share them.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import { messageYjsSyncStep2 } from 'y-protocols/sync'
import * as Y from 'yjs'
import { until } from './clients.mjs'

export const urlOf = server => `ws://127.0.0.1:${server.port}/hocuspocus`

/** Told of errors by nobody else: the library closes a socket that is still connecting, and by then does not listen to it any more. */
class HeardWebSocket extends WebSocket {
  constructor (...given) {
    super(...given)
    this.on('error', () => {})
  }
}

/** A socket for any number of providers. It comes back fast. */
export function socket (t, url, options = {}) {
  const made = new HocuspocusProviderWebsocket({
    url, WebSocketPolyfill: HeardWebSocket, delay: 100, minDelay: 100, maxDelay: 400, ...options
  })
  t.after(() => made.destroy())
  return made
}

const SYNC = 0

/** A provider on a socket. Everything that it is told is kept in `told`; `hasAnswer` says whether a SyncStep2 has come on this connection. */
export function provider (t, websocketProvider, name, { doc = new Y.Doc(), ...options } = {}) {
  const told = { authenticated: [], failed: [], closed: [], stateless: [], unsynced: [], synced: 0, hasAnswer: false, syncedEarly: 0 }
  const made = new HocuspocusProvider({
    websocketProvider,
    name,
    document: doc,
    token: null,
    onAuthenticated: ({ scope }) => told.authenticated.push(scope),
    onAuthenticationFailed: ({ reason }) => told.failed.push(reason),
    onClose: ({ event }) => told.closed.push(event.reason),
    onStateless: ({ payload }) => told.stateless.push(payload),
    onUnsyncedChanges: ({ number }) => told.unsynced.push(number),
    onOpen: () => { told.hasAnswer = false },
    onMessage: ({ event }) => {
      // Read here anew: all who listen share what they are given to read from.
      const decoder = decoding.createDecoder(new Uint8Array(event.data))
      decoding.readVarString(decoder)
      told.hasAnswer ||= decoding.readVarUint(decoder) === SYNC && decoding.readVarUint(decoder) === messageYjsSyncStep2
    },
    onSynced: () => {
      told.synced++
      // It takes itself for synced, too, when all that it counts is acknowledged: then without the document.
      if (!told.hasAnswer) told.syncedEarly++
    },
    ...options
  })
  made.attach()
  t.after(() => { made.destroy(); doc.destroy() })
  return Object.assign(made, { told })
}

/** All have what the server has, and all that they have is on disk. */
export const saved = (...providers) => until(
  () => {
    for (const { told, configuration } of providers) {
      if (told?.syncedEarly > 0) throw new Error(`${configuration.name} was synced before it was sent the document`)
    }
    return providers.every(one => one.isSynced && one.unsyncedChanges === 0)
  },
  () => `saved: ${providers.map(one => `${one.configuration.name} ${one.isSynced} ${one.unsyncedChanges}`).join(', ')}`
)
