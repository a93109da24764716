/** Which document this page is about, and where its server is. */

export const defaultName = 'playground'

/** The name in the address (`?document=NAME` or `#NAME`), or nothing where that cannot be the name of a document (docs/PROTOCOL.md). */
export function documentName({ search, hash }: { search: string; hash: string }): string | undefined {
  const name = new URLSearchParams(search).get('document') ?? (hash.length > 1 ? decoded(hash.slice(1)) : defaultName)
  if (name === undefined || name === '.' || name === '..' || /\p{Cc}/u.test(name)) return undefined
  const bytes = new TextEncoder().encode(name).length
  return bytes >= 1 && bytes <= 256 ? name : undefined
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** An address that opens the same document. */
export function linkTo(name: string, { origin, pathname }: { origin: string; pathname: string }): string {
  return `${origin}${pathname}?document=${encodeURIComponent(name)}`
}

/** What an acknowledgement of this server means (`fsync`). */
export type Durability = 'always' | 'interval' | 'never'

/** What `/api/playground` answers. */
export interface Endpoint {
  websocket: string
  path: string
  /** The server is reached by whatever name the page is. */
  any_host: boolean
  tokens: boolean
  fsync: Durability
}

/** Where the WebSocket is, seen from this page. */
export function socketUrl({ websocket, path, any_host }: Endpoint, page: { protocol: string; host: string; hostname: string }): string {
  // A page that came over TLS may open no other connections: whoever ended TLS for it has to pass on the WebSocket too.
  if (page.protocol === 'https:' && websocket.startsWith('ws:')) return `wss://${page.host}${path}`
  if (!any_host) return websocket + path
  const { protocol, port } = new URL(websocket)
  return `${protocol}//${page.hostname}${port === '' ? '' : `:${port}`}${path}`
}
