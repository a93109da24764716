// Recorded editing sessions.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** The updates of a recording in its order, each with who made it, and the SHA-256 of the text they end in. */
export function recorded (name) {
  const [head, ...lines] = gunzipSync(readFileSync(new URL(`../../traces/${name}.yup.jsonl.gz`, import.meta.url)))
    .toString().trim().split('\n').map(line => JSON.parse(line))
  const updates = lines.map(([agent, , update]) => ({ agent, update: Buffer.from(update, 'base64') }))
  return { sha256: head.endSha256, updates }
}
