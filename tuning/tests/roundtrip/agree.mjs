// What `selvedge doctor --json` finds wrong is what `apply --dry-run` would change, to the same value. With `mended`, nothing that apply sets is wrong.
import { readFileSync } from 'node:fs'

const [doctorFile, dryFile, declarationFile, mended] = process.argv.slice(2)
const findings = JSON.parse(readFileSync(doctorFile, 'utf8')).knobs
const lines = readFileSync(dryFile, 'utf8').split('\n').filter(line => line.startsWith('would change'))
const changes = new Map(lines.map(line => line.slice(15).split(/\s+/)).map(([knob, ...rest]) => [knob, rest.join(' ')]))
const declared = new Map(readFileSync(declarationFile, 'utf8').split(/^(?=\[)/m).slice(1).map(section =>
  [section.match(/^\[([a-z-]+)\]/)[1], Object.fromEntries([...section.matchAll(/^([a-z-]+) = "(.*)"$/gm)].map(pair => pair.slice(1)))]))

const faults = []
let compared = 0
for (const { name, state, wanted } of findings) {
  const knob = declared.get(name)
  if (knob.apply !== 'yes') continue
  compared += 1
  const wrong = state.startsWith('too_')
  // A file that is there does for the doctor; apply also looks into it.
  if (wrong !== changes.has(name) && !(knob.kind === 'file' && !wrong)) faults.push(`${name}: ${state}, and apply says ${changes.get(name) ?? 'nothing'}`)
  if (mended && wrong) faults.push(`${name} is ${state} after apply`)
  if (wrong && knob.kind === 'sysctl' && !changes.get(name)?.includes(`-> ${wanted} `)) faults.push(`${name}: ${wanted} or ${changes.get(name)}`)
}
for (const knob of changes.keys()) if (!findings.some(({ name }) => name === knob)) faults.push(`${knob} is unknown to the doctor`)
if (compared < 20) faults.push(`only ${compared} were compared`)
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
