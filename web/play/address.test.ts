import { expect, test } from 'vitest'
import { documentName, linkTo, socketUrl } from './address'

test('the document is named by the query, else by what follows the hash', () => {
  const cases: [string, string, string | undefined][] = [
    ['', '', 'playground'],
    ['', '#', 'playground'],
    ['?document=a', '#b', 'a'],
    ['', '#notes%2Fa%20b', 'notes/a b'],
    ['?document=%E2%82%AC', '', '€'],
    ['?document=', '', undefined],
    ['?document=a%00', '', undefined],
    ['?document=a%0Ab', '', undefined],
    ['', '#%', undefined],
    ['?document=.', '', undefined],
    ['?document=..', '', undefined],
    ['', '#..', undefined],
    ['?document=...', '', '...'],
    [`?document=${'x'.repeat(256)}`, '', 'x'.repeat(256)],
    [`?document=${'x'.repeat(257)}`, '', undefined],
    [`?document=${'€'.repeat(86)}`, '', undefined],
  ]
  for (const [search, hash, name] of cases) expect(documentName({ search, hash }), search + hash).toBe(name)
})

test('a link leads to the document that it was made for', () => {
  for (const name of ['playground', 'a/b&c=d#e?f', '50% of €']) {
    const link = new URL(linkTo(name, { origin: 'http://127.0.0.1:8421', pathname: '/play' }))
    expect(documentName(link)).toBe(name)
  }
})

test('the socket is where the server says, by the host that the page was reached by', () => {
  const endpoint = { path: '/hocuspocus', tokens: false, fsync: 'always' } as const
  const page = { protocol: 'http:', host: 'box.example:8421', hostname: 'box.example' }
  const cases: [string, boolean, string, string][] = [
    ['ws://127.0.0.1:8420', true, 'http:', 'ws://box.example:8420/hocuspocus'],
    ['wss://0.0.0.0:8443', true, 'http:', 'wss://box.example:8443/hocuspocus'],
    ['ws://[::]:80', true, 'http:', 'ws://box.example/hocuspocus'],
    ['ws://10.0.0.7:8420', false, 'http:', 'ws://10.0.0.7:8420/hocuspocus'],
    ['ws://127.0.0.1:8420', true, 'https:', 'wss://box.example:8421/hocuspocus'],
    ['wss://10.0.0.7:8420', false, 'https:', 'wss://10.0.0.7:8420/hocuspocus'],
  ]
  for (const [websocket, any_host, protocol, url] of cases) {
    expect(socketUrl({ ...endpoint, websocket, any_host }, { ...page, protocol })).toBe(url)
  }
})
