// Payloads of compressed messages (RFC 7692, section 7.2), made and read by Node's zlib. Knows nothing of frames.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

const TAIL = Buffer.from([0, 0, 255, 255])

/** The payload of the compressed message. `bits` is the window, `level` 0 to 9, `strategy` one of zlib's. */
export function compress (message, { bits = 15, level = 6, strategy = constants.Z_DEFAULT_STRATEGY, memLevel = 8 } = {}) {
  const flushed = deflateRawSync(message, { windowBits: bits, level, strategy, memLevel, finishFlush: constants.Z_SYNC_FLUSH })
  if (!flushed.subarray(-4).equals(TAIL)) throw new Error('zlib ends a flush with 00 00 ff ff')
  return flushed.subarray(0, -4)
}

/** The message with this payload. Throws where it refers further back than the window. */
export function inflate (payload, bits = 15) {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { windowBits: bits, finishFlush: constants.Z_SYNC_FLUSH })
}
