// Frames as a client writes them, right or wrong, and as a server must write them (RFC 6455, section 5.2). Has no socket.

export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

const bytesOf = payload => typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload ?? [])

/**
 * One frame of a client. What is not given is right: `fin`, `rsv` (three bits), `masked`, `key`, `declared` (a length other than that of the payload),
 * `form` (bytes of the length: 1, 2 or 8).
 */
export function frame (opcode, payload, { fin = true, rsv = 0, masked = true, key = [0x37, 0xfa, 0x21, 0x3d], declared, form } = {}) {
  const bytes = bytesOf(payload)
  const length = BigInt(declared ?? bytes.length)
  const size = form ?? (length < 126n ? 1 : length < 65536n ? 2 : 8)
  const mask = masked ? 0x80 : 0
  const head = Buffer.alloc(2 + (size === 1 ? 0 : size))
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  if (size === 1) head[1] = mask | Number(length)
  else if (size === 2) { head[1] = mask | 126; head.writeUInt16BE(Number(length), 2) } else { head[1] = mask | 127; head.writeBigUInt64BE(length, 2) }
  if (!masked) return Buffer.concat([head, bytes])
  const body = Buffer.from(bytes)
  for (let at = 0; at < body.length; at++) body[at] ^= key[at & 3]
  return Buffer.concat([head, Buffer.from(key), body])
}

export const text = (payload, options) => frame(TEXT, payload, options)
export const binary = (payload, options) => frame(BINARY, payload, options)
export const more = (payload, options) => frame(CONTINUATION, payload, options)
export const ping = (payload, options) => frame(PING, payload, options)
export const pong = (payload, options) => frame(PONG, payload, options)

/** The payload of a Close frame. */
export const closing = (code, reason = '') => Buffer.concat([Buffer.from([code >> 8, code & 255]), bytesOf(reason)])
export const close = (code, reason, options) => frame(CLOSE, closing(code, reason), options)

/** A message in frames of `size` bytes each, of which the first has `options`. */
export function fragments (opcode, payload, size, options = {}) {
  const bytes = bytesOf(payload)
  const frames = []
  for (let at = 0; at < bytes.length || at === 0; at += size) {
    const first = at === 0
    frames.push(frame(first ? opcode : CONTINUATION, bytes.subarray(at, at + size), { ...(first ? options : {}), fin: at + size >= bytes.length }))
  }
  return Buffer.concat(frames)
}

/** Takes whole frames of a server out of what it sent, and throws at the first that a server may not send. */
export class FrameReader {
  constructor () {
    this.rest = Buffer.alloc(0)
    this.pieces = []
    this.waiting = 0
    this.wanted = 2
  }

  push (data) {
    this.pieces.push(data)
    this.waiting += data.length
    if (this.rest.length + this.waiting < this.wanted) return []
    this.rest = Buffer.concat([this.rest, ...this.pieces])
    this.pieces = []
    this.waiting = 0
    const frames = []
    for (;;) {
      this.wanted = 2
      if (this.rest.length < 2) break
      const [first, second] = this.rest
      if (second & 0x80) throw new Error('the server masked a frame')
      let [length, head] = [second & 127, 2]
      if (length >= 126) {
        head = length === 126 ? 4 : 10
        this.wanted = head
        if (this.rest.length < head) break
        length = head === 4 ? this.rest.readUInt16BE(2) : Number(this.rest.readBigUInt64BE(2))
        if (length < (head === 4 ? 126 : 65536)) throw new Error(`the server wrote the length ${length} in ${head - 2} bytes`)
      }
      this.wanted = head + length
      if (this.rest.length < head + length) break
      const frame = { opcode: first & 15, fin: first >= 0x80, rsv: (first >> 4) & 7, payload: this.rest.subarray(head, head + length) }
      if (frame.opcode >= 8 && (length > 125 || !frame.fin)) throw new Error('the server sent a control frame that is too long or fragmented')
      if (![0, 1, 2, 8, 9, 10].includes(frame.opcode)) throw new Error(`the server sent a frame with opcode ${frame.opcode}`)
      frames.push(frame)
      this.rest = this.rest.subarray(head + length)
    }
    return frames
  }
}
