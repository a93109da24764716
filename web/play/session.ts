/** This tab's document and its connection: what is sent, what is acknowledged, who else is here. Knows nothing of what the document holds. */
import { HocuspocusProvider } from '@hocuspocus/provider'
import { computed, signal } from '@preact/signals'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { type Endpoint, socketUrl } from './address'
import { distinguish, identity, tab } from './identity'
import { type Place, peersOf, type TextPosition } from './peers'
import { Socket } from './socket'
import { type Facts, isFinal, isFinalReason, standingOf } from './standing'
import type { Point } from './strokes'
import { keepToken, storedToken } from './token'

/** Between two questions where the server is. */
const askAgainMs = 2_000

/** After the first handshake, before this tab looks whether somebody else has its name: their awareness comes on its own. */
const lookAroundMs = 400

/** Before a document that the server has ended is opened again: its client does not do it by itself. */
const reopenMs = 2_000

/** So long a disk that works may take to acknowledge a handshake. */
const handshakeMs = 4_000

/** So often others hear of a pointer. */
const pointerMs = 50

export class Session {
  readonly doc = new Y.Doc()
  readonly awareness = new Awareness(this.doc)
  /** Tokens are asked for. */
  readonly tokens = signal(false)
  readonly endpoint = signal<Endpoint | undefined>(undefined)
  readonly peers = signal(peersOf(new Map(), this.doc.clientID))
  private readonly facts = signal<Facts>({
    wanted: true,
    link: 'down',
    joined: false,
    readonly: false,
    refusal: undefined,
    unacknowledged: 0,
    changes: 0,
    stalled: false,
    overdue: false,
    lost: undefined,
  })
  readonly standing = computed(() => standingOf(this.facts.value))
  readonly readonly = computed(() => this.facts.value.readonly)
  readonly wanted = computed(() => this.facts.value.wanted)
  readonly name: string
  private socket: Socket | undefined
  private reopenTimer: ReturnType<typeof setTimeout> | undefined
  private handshakeTimer: ReturnType<typeof setTimeout> | undefined
  private pointerTimer: ReturnType<typeof setTimeout> | undefined
  private pointer: Point | null = null

  constructor(name: string) {
    this.name = name
    this.doc.on('update', (_update: Uint8Array, origin: unknown) => {
      if (!(origin instanceof HocuspocusProvider)) this.set({ changes: this.facts.value.changes + 1 })
    })
    this.awareness.on('change', () => {
      this.peers.value = peersOf(this.awareness.getStates(), this.doc.clientID)
    })
    identity.subscribe(user => this.awareness.setLocalStateField('user', user))
    tab.subscribe(one => this.awareness.setLocalStateField('tab', one))
    addEventListener('beforeunload', event => {
      if (this.facts.value.changes > 0) event.preventDefault()
    })
    // The provider says goodbye when the page is hidden; a page may be shown again as it was.
    let state = this.awareness.getLocalState()
    addEventListener(
      'pagehide',
      () => {
        state = this.awareness.getLocalState() ?? state
      },
      { capture: true },
    )
    addEventListener('pageshow', event => {
      if (event.persisted) this.awareness.setLocalState({ ...state, user: identity.peek(), tab: tab.peek() })
    })
  }

  private set(facts: Partial<Facts>): void {
    this.facts.value = { ...this.facts.peek(), ...facts }
  }

  /** Asks the page's server where documents are, until it answers, and connects. */
  async start(): Promise<void> {
    for (;;) {
      try {
        const response = await fetch('/api/playground', { cache: 'no-store' })
        if (response.ok) {
          this.begin((await response.json()) as Endpoint)
          return
        }
      } catch {
        // It is not there; nobody needs to know more.
      }
      this.set({ lost: { code: 1006, reason: '' } })
      await new Promise(resolve => setTimeout(resolve, askAgainMs))
    }
  }

  private begin(endpoint: Endpoint): void {
    this.endpoint.value = endpoint
    this.tokens.value = endpoint.tokens
    const socket = new Socket({ url: socketUrl(endpoint, location), autoConnect: false, maxDelay: 5_000 })
    this.socket = socket
    const provider = new HocuspocusProvider({
      websocketProvider: socket,
      name: this.name,
      document: this.doc,
      awareness: this.awareness,
      token: storedToken,
    })
    socket.on('status', ({ status }: { status: string }) => {
      this.set({
        link: status === 'connected' ? 'open' : status === 'connecting' ? 'opening' : 'down',
        ...(status === 'connected' ? {} : { joined: false }),
      })
    })
    socket.on('close', ({ event }: { event: { code: number; reason: string } }) => {
      if (isFinal(event.code)) this.refuse(event.reason || `the connection was closed with ${event.code}`)
      else this.set({ joined: false, lost: { code: event.code, reason: event.reason } })
    })
    provider.on('open', () => {
      clearTimeout(this.handshakeTimer)
      clearTimeout(this.reopenTimer)
      this.set({ joined: false, stalled: false, overdue: false })
    })
    provider.on('authenticated', ({ scope }: { scope: string }) => {
      this.set({ joined: true, readonly: scope === 'readonly', refusal: undefined })
      // Others have heard that this tab is gone, and take nothing that is not newer.
      this.awareness.setLocalState({ ...this.awareness.getLocalState() })
    })
    provider.on('authenticationFailed', ({ reason }: { reason: string }) => this.refuse(reason))
    // The document's own end; that of the socket is a CloseEvent.
    provider.on('close', ({ event }: { event: { code: number; reason: string } }) => {
      if (event instanceof CloseEvent) return
      if (isFinalReason(event.reason)) this.refuse(event.reason)
      else {
        this.set({ joined: false, lost: { code: 1013, reason: event.reason } })
        clearTimeout(this.reopenTimer)
        this.reopenTimer = setTimeout(() => this.reopen(provider), reopenMs)
      }
    })
    provider.on('unsyncedChanges', ({ number }: { number: number }) => {
      if (number === 0) clearTimeout(this.handshakeTimer)
      const all = number === 0 ? { changes: 0, stalled: false, overdue: false } : {}
      this.set({ unacknowledged: number, ...all })
    })
    provider.on('message', ({ message }: { message: { readVarString(): string; readVarUint(): number } }) => {
      message.readVarString()
      // SyncStatus 0: refused, and asked for again when it can be taken.
      if (message.readVarUint() === syncStatus && message.readVarUint() === 0) this.set({ stalled: true })
    })
    provider.on('synced', () => {
      setTimeout(() => distinguish(this.peers.value.peers), lookAroundMs)
      // All that there was to read has come; what is left is for the disk.
      clearTimeout(this.handshakeTimer)
      if (this.facts.peek().unacknowledged > 0) this.handshakeTimer = setTimeout(() => this.set({ overdue: true }), handshakeMs)
    })
    provider.attach()
    if (endpoint.tokens && storedToken() === '') this.refuse('this server asks for a token')
    else void socket.connect()
  }

  /** Begins on a document again, on the connection that there is; a new one begins by itself. */
  private reopen(provider: HocuspocusProvider): void {
    const { wanted, link, joined, refusal } = this.facts.peek()
    if (wanted && link === 'open' && !joined && refusal === undefined) void provider.onOpen(new Event('open'))
  }

  private refuse(reason: string): void {
    // Coming back with the same token would count as guessing.
    this.socket?.disconnect()
    this.set({ refusal: reason, joined: false })
  }

  /** The switch. */
  go(online: boolean): void {
    this.set({ wanted: online, refusal: undefined, lost: undefined })
    if (online) void this.socket?.connect()
    else this.socket?.disconnect()
  }

  /** Tries again, with another token where one is given. */
  retry(token?: string): void {
    if (token !== undefined && !keepToken(token)) {
      this.refuse('the browser keeps no token for this page (its storage is forbidden)')
      return
    }
    this.go(true)
  }

  at(place: Place): void {
    if (this.awareness.getLocalState()?.place !== place) this.awareness.setLocalStateField('place', place)
  }

  select(cursor: { anchor: TextPosition; head: TextPosition } | null): void {
    this.awareness.setLocalStateField('cursor', cursor)
  }

  /** Where the pointer is on the board; the latest is told, a few times a second. */
  point(at: Point | null): void {
    this.pointer = at
    this.pointerTimer ??= setTimeout(() => {
      this.pointerTimer = undefined
      this.awareness.setLocalStateField('pointer', this.pointer)
    }, pointerMs)
  }
}

/** Its number in the Hocuspocus protocol. */
const syncStatus = 8
