// Unmodified Hocuspocus clients: sockets, and providers that share them.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import WebSocket from 'ws'
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

/** A provider on a socket. Everything that it is told is kept in `told`. */
export function provider (t, websocketProvider, name, { doc = new Y.Doc(), ...options } = {}) {
  const told = { authenticated: [], failed: [], closed: [], stateless: [], unsynced: [], synced: 0 }
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
    onSynced: () => { told.synced++ },
    ...options
  })
  made.attach()
  t.after(() => { made.destroy(); doc.destroy() })
  return Object.assign(made, { told })
}

/** All have what the server has, and all that they have is on disk. */
export const saved = (...providers) => until(
  () => providers.every(one => one.isSynced && one.unsyncedChanges === 0),
  () => `saved: ${providers.map(one => `${one.configuration.name} ${one.isSynced} ${one.unsyncedChanges}`).join(', ')}`
)
