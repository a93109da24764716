// Calls the codec: jobs go to a child process, which answers them in order.
import { spawn } from 'node:child_process'

const BINARY = process.env.SELVEDGE_CODEC
if (!BINARY) throw new Error('SELVEDGE_CODEC must name the built example `codec`; use ./run')

export const MERGE = 'm'
export const DIFF = 'd'
export const STATE_VECTOR = 's'
export const CHECK = 'n'
export const SPLIT = 'p'
export const ACCEPT = 'o'
export const VERDICT = 'v'
export const DIVIDE = 'h'
export const KNOWN = 'k'
// Compactions: deleted content kept, dropped when smaller, dropped always; a capital buries what lies under deleted types.
export const COMPACTIONS = { squash: 'K', smaller: 'w', smallest: 'W', leaf: 'a', collect: 'A' }

const u32 = n => { const word = Buffer.alloc(4); word.writeUInt32LE(n); return word }

const child = spawn(BINARY, { stdio: ['pipe', 'pipe', 'inherit'] })
const waiting = []
let chunks = []
let length = 0

child.on('exit', code => { if (waiting.length) { console.error(`the codec died (${code})`); process.exit(1) } })
child.stdout.on('data', chunk => {
  chunks.push(chunk)
  length += chunk.length
  if (length < wanted) return
  let bytes = Buffer.concat(chunks)
  for (let answer; waiting.length && (answer = take(bytes)); bytes = bytes.subarray(answer.length)) waiting.shift()(answer.results)
  chunks = [bytes]
  length = bytes.length
  // An answer says its length first, so that a long one is not looked at again with each chunk.
  wanted = length < 5 ? 5 : bytes.readUInt32LE(1) + 5
})
let wanted = 5

/** The first answer in `bytes`, when it is there as a whole. */
const take = bytes => {
  if (bytes.length < 5 || bytes.length < bytes.readUInt32LE(1) + 5) return null
  const end = bytes.readUInt32LE(1) + 5
  const results = []
  for (let at = 5; at < end;) {
    const size = bytes.readUInt32LE(at)
    results.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + size)))
    at += 4 + size
  }
  return { length: end, results: bytes[0] === 1 ? { refused: Buffer.from(results[0]).toString() } : results }
}

/** Runs jobs `[command, ...arguments]`; each gives a list of results, or `{ refused: reason }`. */
export const runAll = jobs => Promise.all(jobs.map(([command, ...args]) => new Promise(resolve => {
  waiting.push(resolve)
  const parts = [Buffer.from(command), u32(args.length)]
  for (const arg of args) parts.push(u32(arg.length), arg)
  child.stdin.write(Buffer.concat(parts))
})))

/** Lets the process end. */
export const end = () => child.stdin.end()

/** Like `runAll` for jobs that must succeed and have one result. */
export const runEach = async jobs => (await runAll(jobs)).map((answer, i) => {
  if (answer.refused) throw new Error(`${jobs[i][0]} refused: ${answer.refused}`)
  return answer[0]
})

/** One job with one result, which must succeed. */
export const run = async (...job) => (await runEach([job]))[0]
