// The control plane as a program asks it: requests with the status that is expected, and server-sent events. Knows nothing of Yjs.
import { until } from './clients.mjs'

/** The path of a document. */
export const pathOf = name => `/v1/documents/${encodeURIComponent(name)}`

/** What asks a server, with a token where it needs one. */
export function planeOf (server, token) {
  const authorization = token ? { authorization: `Bearer ${token}` } : {}

  /** The answer, read whole. Fails where its status is another one than `status`, unless that is null. A `body` of bytes is sent as it is, any other as JSON. */
  async function ask (method, path, { status = 200, body, type, accept, headers = {} } = {}) {
    const isBytes = body instanceof Uint8Array
    const contentType = body === undefined ? {} : { 'content-type': type ?? (isBytes ? 'application/octet-stream' : 'application/json') }
    const answer = await fetch(server.control + path, {
      method,
      headers: { ...authorization, ...contentType, ...(accept ? { accept } : {}), ...headers },
      body: body === undefined || isBytes ? body : JSON.stringify(body)
    })
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const text = () => new TextDecoder().decode(bytes)
    if (status !== null && answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} and not ${status}: ${text().slice(0, 500)}`)
    return { status: answer.status, headers: answer.headers, bytes, text, json: () => JSON.parse(text()) }
  }

  /** Everything that is told of these types, from now on. */
  async function events (t, ...types) {
    const ending = new AbortController()
    t.after(() => ending.abort())
    const answer = await fetch(`${server.control}/v1/events?types=${types.join(',')}`, { headers: authorization, signal: ending.signal })
    if (answer.status !== 200) throw new Error(`events: ${answer.status}`)
    const told = []
    const read = async () => {
      let rest = ''
      const decoder = new TextDecoder()
      for await (const piece of answer.body) {
        const blocks = (rest + decoder.decode(piece, { stream: true })).split('\n\n')
        rest = blocks.pop()
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split('\n').map(line => /^(\w*): ?(.*)$/.exec(line)?.slice(1, 3) ?? ['', '']))
          if (fields.event) told.push({ type: fields.event, id: fields.id, ...JSON.parse(fields.data) })
        }
      }
    }
    read().catch(() => {})
    return {
      told,
      /** The first that is like this. */
      one: (type, like) => until(
        () => told.find(event => event.type === type && Object.entries(like).every(([key, value]) => event[key] === value)),
        () => `${type} ${JSON.stringify(like)} among ${JSON.stringify(told).slice(0, 2_000)}`
      )
    }
  }

  return { ask, events }
}
