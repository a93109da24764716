// One case on one socket: says what the case says, keeps everything that comes back until the end, and compares.
import { createConnection } from 'node:net'
import { createHash } from 'node:crypto'
import { close, CLOSE, BINARY, CONTINUATION, FrameReader, TEXT } from './frame.mjs'
import { inflate } from './deflate.mjs'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const ACCEPT = createHash('sha1').update(KEY + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')

/** A case that takes longer has failed. */
const CASE_MS = 20_000

/** The lines of a right upgrade request, by name; a case changes some of them. */
export const upgradeLines = () => ({
  Host: 'test', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY
})

export const request = (lines, start = 'GET /echo HTTP/1.1') =>
  [start, ...Object.entries(lines).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')

/**
 * Sends `head`, and behind the 101 `pieces`, each in a packet of its own as far as the kernel does so. Resolves with everything that the server
 * said, once it has closed the socket.
 */
export function converse (port, { head, pieces = [], hold = false }) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.setNoDelay(true)
    const heard = { status: undefined, head: '', headers: new Map(), frames: [] }
    const reader = new FrameReader()
    const timer = setTimeout(() => fail(new Error(`no end after ${CASE_MS} ms; heard ${summary(heard)}`)), CASE_MS)
    const fail = error => { clearTimeout(timer); socket.destroy(); reject(error) }
    let opening = Buffer.alloc(0)
    const saidAll = []

    async function speak () {
      for (const piece of pieces) {
        if (socket.destroyed || socket.writableEnded) return
        await new Promise(resolve => socket.write(piece, resolve))
      }
    }

    function hear (data) {
      try {
        for (const frame of reader.push(data)) {
          heard.frames.push(frame)
          // Both have said goodbye, or the server has said why it will not listen: nothing more will be said here.
          if (frame.opcode === CLOSE && !hold) socket.end()
        }
      } catch (error) { fail(error) }
    }

    socket.on('connect', () => socket.write(head))
    socket.on('data', data => {
      if (heard.status !== undefined) return hear(data)
      opening = Buffer.concat([opening, data])
      const end = opening.indexOf('\r\n\r\n')
      if (end < 0) return
      heard.head = opening.subarray(0, end).toString('latin1')
      const [first, ...lines] = heard.head.split('\r\n')
      heard.status = Number(first.split(' ')[1])
      for (const line of lines) {
        const colon = line.indexOf(':')
        heard.headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
      }
      if (heard.status !== 101) return socket.resume()
      saidAll.push(speak())
      hear(opening.subarray(end + 4))
    })
    // A server that has closed may reset what is still being said to it.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      Promise.all(saidAll).then(() => resolve(heard), reject)
    })
  })
}

const summary = heard => `${heard.status ?? 'nothing'} ${heard.frames.slice(0, 5).map(({ opcode, payload }) => `${opcode}:${payload.subarray(0, 20).toString('hex')}`).join(' ')}`

/** What was agreed on, as [name, parameters], or `undefined`. */
export function agreement (heard) {
  const value = heard.headers.get('sec-websocket-extensions')
  if (value === undefined) return undefined
  const [name, ...parameters] = value.split(';').map(part => part.trim())
  return { name, parameters: new Map(parameters.map(parameter => parameter.split('='))) }
}

/** Messages and control frames, in the order in which they ended: fragments are put together, and what is compressed is inflated. */
export function transcript (heard) {
  const agreed = agreement(heard)
  const bits = Number(agreed?.parameters.get('server_max_window_bits') ?? 15)
  const said = []
  let open
  for (const { opcode, fin, rsv, payload } of heard.frames) {
    if (rsv !== 0 && !(rsv === 4 && agreed?.name === 'permessage-deflate' && (opcode === TEXT || opcode === BINARY))) {
      throw new Error(`the server set reserved bits ${rsv} on a frame with opcode ${opcode}`)
    }
    if (opcode >= 8) { said.push({ opcode, payload }); continue }
    if ((opcode === CONTINUATION) !== (open !== undefined)) throw new Error('the server mixed up its fragments')
    open ??= { opcode, compressed: rsv === 4, pieces: [] }
    open.pieces.push(payload)
    if (!fin) continue
    const whole = Buffer.concat(open.pieces)
    said.push({ opcode: open.opcode, payload: open.compressed ? inflate(whole, bits) : whole, compressed: open.compressed })
    open = undefined
  }
  return said
}

/** The code of the server's Close frame: 1005 for one that says none, `undefined` where none came. */
export function closeCode (said) {
  const last = said.at(-1)
  if (last?.opcode !== CLOSE) return undefined
  return last.payload.length < 2 ? 1005 : last.payload.readUInt16BE(0)
}

export const goodbye = close(1000)
