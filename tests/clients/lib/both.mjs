// One unmodified client of each kind on a document.
import { provider as yProvider, synced } from './clients.mjs'
import { provider, saved, socket, urlOf } from './hocuspocus.mjs'

/** A y-websocket and a Hocuspocus client, with a token each where the server asks for them. Both are synced. */
export async function both (t, server, name, ...tokens) {
  const [first, second = first] = tokens
  const clients = [
    yProvider(t, server.url, encodeURIComponent(name), { params: first ? { token: first } : {} }),
    provider(t, socket(t, urlOf(server)), name, { token: second ?? null })
  ]
  await synced(clients[0])
  await saved(clients[1])
  return clients
}
