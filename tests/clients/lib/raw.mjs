// A client on a bare TCP socket that may say anything: heads, frames and bytes that no library would send.
import { createConnection } from 'node:net'

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The head of an upgrade request for a path as it is, without any escaping. */
export const upgradeHead = (path, { method = 'GET', version = 'HTTP/1.1', headers = [] } = {}) => [
  `${method} ${path} ${version}`, 'Host: test', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`, ...headers, '', ''
].join('\r\n')

/** One frame. What is not given is right. */
export function frame (payload, { opcode = 2, fin = true, reserved = 0, masked = true, declared = payload.length } = {}) {
  const header = [(fin ? 0x80 : 0) | (reserved << 4) | opcode]
  const mask = masked ? 0x80 : 0
  if (declared < 126) header.push(mask | declared)
  else if (declared < 65536) header.push(mask | 126, declared >> 8, declared & 255)
  else {
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(declared))
    header.push(mask | 127, ...length)
  }
  // A mask of zeros is a mask.
  if (masked) header.push(0, 0, 0, 0)
  return Buffer.concat([Buffer.from(header), Buffer.from(payload)])
}

/** Unsigned integer as lib0 writes it. */
export function varUint (number) {
  const bytes = []
  for (let rest = BigInt(number); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n) | 128)
  }
}

export const buf = bytes => Buffer.concat([varUint(bytes.length), Buffer.from(bytes)])
export const text = string => buf(Buffer.from(string))
export const update = bytes => Buffer.concat([Buffer.from([0, 2]), buf(bytes)])
export const syncStep1 = vector => Buffer.concat([Buffer.from([0, 0]), buf(vector)])
export const syncStep2 = bytes => Buffer.concat([Buffer.from([0, 1]), buf(bytes)])
/** Entries are [client, clock, JSON as text]. */
export const awareness = (entries, count = entries.length) => Buffer.concat([Buffer.from([1]), buf(Buffer.concat([
  varUint(count), ...entries.flatMap(([client, clock, json]) => [varUint(client), varUint(clock), text(json)])
]))])

/** A connection that keeps what it was sent, unless it shall not read. */
export class Raw {
  constructor (t, port, { read = true } = {}) {
    this.pieces = []
    this.socket = createConnection({ port, host: '127.0.0.1' })
    this.socket.setNoDelay(true)
    this.socket.on('error', () => {})
    this.closed = new Promise(resolve => this.socket.once('close', resolve))
    this.isClosed = false
    this.closed.then(() => { this.isClosed = true })
    if (read) this.socket.on('data', data => { this.pieces.push(data) })
    else this.socket.pause()
    t.after(() => this.socket.destroy())
  }

  /** Everything that came. */
  get received () {
    if (this.pieces.length !== 1) this.pieces = [Buffer.concat(this.pieces)]
    return this.pieces[0]
  }

  receivedBytes () {
    return this.pieces.reduce((sum, piece) => sum + piece.length, 0)
  }

  /** Resolves when the kernel has it; says false if the connection ended first. */
  write (bytes) {
    return new Promise(resolve => {
      if (this.socket.destroyed) return resolve(false)
      this.closed.then(() => resolve(false))
      this.socket.write(bytes, error => resolve(!error))
    })
  }

  /** The status of the response, if it has come. */
  status () {
    const found = /^HTTP\/1\.1 (\d{3}) /.exec(this.received.toString('latin1'))
    return found && Number(found[1])
  }

  /** What came behind the head of the response: whole frames as [opcode, payload]. */
  frames () {
    const from = this.received.indexOf('\r\n\r\n')
    const frames = []
    if (from < 0) return frames
    let rest = this.received.subarray(from + 4)
    while (rest.length >= 2) {
      let [length, head] = [rest[1] & 127, 2]
      if (length === 126 && rest.length >= 4) [length, head] = [rest.readUInt16BE(2), 4]
      else if (length === 127 && rest.length >= 10) [length, head] = [Number(rest.readBigUInt64BE(2)), 10]
      else if (length >= 126) break
      if (rest.length < head + length) break
      frames.push([rest[0] & 15, rest.subarray(head, head + length)])
      rest = rest.subarray(head + length)
    }
    return frames
  }

  /** The code of the Close frame, if it has come. */
  closeCode () {
    const close = this.frames().find(([opcode]) => opcode === 8)
    return close && (close[1].length < 2 ? 1005 : close[1].readUInt16BE(0))
  }
}
