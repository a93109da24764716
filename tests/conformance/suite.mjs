// The WebSocket conformance suite: every case of RFC 6455 and RFC 7692 on a connection of its own, against /echo of the built server.
// `node suite.mjs [GROUP...]`; says what failed, and a table at the end. Uses no WebSocket library.
import { isDeepStrictEqual } from 'node:util'
import { dataFolder, drivers, start } from '../clients/lib/server.mjs'
import { CLOSE, frame } from './lib/frame.mjs'
import { closeCode, converse, goodbye, request, transcript, upgradeLines } from './lib/peer.mjs'
import handshake from './cases/handshake.mjs'
import framing from './cases/framing.mjs'
import control from './cases/control.mjs'
import reserved from './cases/reserved.mjs'
import fragments from './cases/fragments.mjs'
import utf8 from './cases/utf8.mjs'
import closing from './cases/closing.mjs'
import limits from './cases/limits.mjs'
import performance from './cases/performance.mjs'
import negotiation from './cases/negotiation.mjs'
import deflate from './cases/deflate.mjs'

/** Cases that run at once. */
const AT_ONCE = 16

const groups = [handshake, framing, control, reserved, fragments, utf8, closing, limits, performance, negotiation, deflate]
const chosen = process.argv.slice(2)
for (const name of chosen) if (!groups.some(group => group.name === name)) throw new Error(`there is no group ${name}; there are: ${groups.map(group => group.name).join(', ')}`)

const LARGE = Buffer.alloc(40_000, 'a large text that repeats itself. ')
const given = value => typeof value === 'function' ? value() : value
const show = ({ opcode, payload }) => `${opcode}:${payload.length} bytes ${payload.subarray(0, 24).toString('hex')}`

/** Runs one case. Resolves with what is wrong, or `undefined`, and for an open question with what the server did. */
async function run (port, group, one, compression) {
  const offer = one.offer ?? group.offer ?? (compression && !one.plain ? 'permessage-deflate' : undefined)
  const head = one.head ?? request({ ...upgradeLines(), 'Sec-WebSocket-Extensions': group.name === 'handshake' ? undefined : offer })
  const large = one.large === true
  const sends = large ? [frame(one.opcode, LARGE)] : given(one.sends)
  const says = large ? [[one.opcode, LARGE]] : given(one.says) ?? []
  const endsByItself = one.ends !== undefined || one.open === true
  const heard = await converse(port, { head, pieces: endsByItself ? sends : [...sends, goodbye] })
  if (one.opens) {
    if (!one.opens(heard)) return { wrong: `answered with ${heard.head}` }
    if (heard.status !== 101) return {}
  } else if (heard.status !== 101) return { wrong: `no upgrade: ${heard.head}` }
  const said = transcript(heard)
  const code = closeCode(said)
  if (one.open) return { did: `ended with ${code ?? 'no Close'}` }
  const messages = said.filter(({ opcode }) => opcode !== CLOSE)
  if (said.length - messages.length > 1) return { wrong: 'more than one Close' }
  const wanted = [one.ends ?? 1000].flat()
  if (!wanted.includes(code)) return { wrong: `ended with ${code ?? 'no Close'}, not ${wanted.join(' or ')}; said ${said.slice(0, 4).map(show).join(', ')}` }
  if (one.judge) return one.judge(said) ? {} : { wrong: `said ${said.slice(-4).map(show).join(', ')}` }
  const same = messages.length === says.length && messages.every(({ opcode, payload }, n) => opcode === says[n][0] && payload.equals(Buffer.from(says[n][1])))
  if (!same) return { wrong: `said ${messages.slice(0, 4).map(show).join(', ')} of ${messages.length} instead of ${says.length}` }
  if (one.compressed !== undefined && messages[0].compressed !== one.compressed) return { wrong: `the answer is ${one.compressed ? 'not ' : ''}compressed` }
  return {}
}

const table = []
let failures = 0
for (const driver of drivers) {
  for (const compression of [false, true]) {
    const folders = []
    const t = { after: end => folders.push(end) }
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 2, conformance: true, compression })
    const where = `${driver}, compression ${compression ? 'on' : 'off'}`
    for (const group of groups) {
      if ((chosen.length > 0 && !chosen.includes(group.name)) || (group.compression && !compression)) continue
      const counts = { ok: 0, informational: 0, failed: 0 }
      const waiting = group.cases.entries()
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (const [n, one] of waiting) {
          const { wrong, did } = await run(server.port, group, one, compression).catch(error => ({ wrong: error.message }))
          const name = `${group.name} ${n + 1}: ${one.what}`
          if (wrong) { counts.failed++; console.log(`FAILED         ${where}: ${name}: ${wrong}`) } else if (did) { counts.informational++; console.log(`informational  ${where}: ${name}: ${did}`) } else counts.ok++
        }
      }))
      failures += counts.failed
      table.push({ where, group: group.title, cases: group.cases.length, ...counts })
    }
    const { code } = await server.stop()
    if (code !== 0) { failures++; console.log(`FAILED         ${where}: the server ended with ${code}\n${server.log()}`) }
    for (const end of folders.reverse()) await end()
  }
}
console.table(table)
const sum = name => table.reduce((total, row) => total + row[name], 0)
const distinct = groups.reduce((total, group) => total + group.cases.length, 0)
console.log(`${sum('ok')} OK, ${sum('informational')} informational, ${sum('failed')} failed; ${distinct} distinct cases`)
if (!isDeepStrictEqual(failures, 0)) process.exitCode = 1
