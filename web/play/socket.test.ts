import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { Socket } from './socket'

/** A server that says nothing by itself. */
class Wire extends EventTarget {
  static readonly OPEN = 1
  static made: Wire[] = []
  readyState = 0
  binaryType = ''
  /** The numbers that the protocol gives to messages; of Sync also the kind. */
  readonly sent: string[] = []

  constructor() {
    super()
    Wire.made.push(this)
  }

  open() {
    this.readyState = Wire.OPEN
    this.dispatchEvent(new Event('open'))
  }

  send(message: Uint8Array) {
    const decoder = decoding.createDecoder(message)
    decoding.readVarString(decoder)
    const type = decoding.readVarUint(decoder)
    this.sent.push(type === 0 ? `sync ${decoding.readVarUint(decoder)}` : ({ 1: 'awareness', 2: 'token' }[type] ?? `${type}`))
  }

  say(...numbers: number[]) {
    const encoder = encoding.createEncoder()
    encoding.writeVarString(encoder, 'notes')
    for (const number of numbers) encoding.writeVarUint(encoder, number)
    const { buffer } = encoding.toUint8Array(encoder)
    this.dispatchEvent(Object.assign(new Event('message'), { data: buffer }))
  }

  close() {
    this.readyState = 3
  }
}

beforeEach(() => {
  vi.stubGlobal('WebSocket', Wire)
})
afterEach(() => {
  vi.unstubAllGlobals()
})

/** Types while there is no connection, lets one be made, and says what was sent on it, and the number of unsynced changes after one acknowledgement. */
async function afterAnOutage(kind: typeof HocuspocusProviderWebsocket) {
  Wire.made = []
  const websocketProvider = new kind({ url: 'ws://127.0.0.1', autoConnect: false })
  const doc = new Y.Doc()
  const provider = new HocuspocusProvider({ websocketProvider, name: 'notes', document: doc, token: () => '' })
  provider.attach()
  for (const letter of 'abc') doc.getText('text').insert(0, letter)
  void websocketProvider.connect()
  await vi.waitFor(() => expect(Wire.made).toHaveLength(1))
  const [wire] = Wire.made
  if (wire === undefined) throw new Error('there is no connection')
  wire.open()
  await vi.waitFor(() => expect(wire.sent).toContain('sync 0'))
  // Authenticated, then its SyncStep1, and that one change is on disk.
  wire.say(2, 2, 0)
  wire.say(0, 0, 1, 0)
  wire.say(8, 1)
  const { unsyncedChanges } = provider
  provider.destroy()
  websocketProvider.destroy()
  return { sent: wire.sent.filter(message => message.startsWith('sync')), unsyncedChanges }
}

test('what was done without a connection is sent once, and one acknowledgement is that of all of it', async () => {
  expect(await afterAnOutage(Socket)).toEqual({ sent: ['sync 0', 'sync 1'], unsyncedChanges: 0 })
  // The plain one sends more than it counts: the first acknowledgement of four would end its count.
  expect(await afterAnOutage(HocuspocusProviderWebsocket)).toEqual({
    sent: ['sync 0', 'sync 2', 'sync 2', 'sync 2', 'sync 1'],
    unsyncedChanges: 0,
  })
})
