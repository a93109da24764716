// Starts, stops and kills the built server. Knows nothing of documents.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/selvedge/target')
export const binary = process.env.SELVEDGE_BINARY ?? join(target, 'release/selvedge')

/** The drivers that every test here runs on. */
export const drivers = (process.env.SELVEDGE_TEST_DRIVERS ?? 'uring,monoio').split(',')

/** The servers that a test has started. */
const started = new WeakMap()

/** Tests that are over, but for what is done after them. */
const over = new WeakSet()

/** Whether a test is over, and its servers are away on purpose. */
export const isOver = t => over.has(t)

/** Ends what still runs of them. What is to be done after a test is done in the order in which it was said: whoever comes first ends them. */
export async function end (t) {
  over.add(t)
  await Promise.all((started.get(t) ?? []).map(({ child, ended }) => { child.kill('SIGKILL'); return ended }))
}

/** A folder for a server's data that goes when the test ends. */
export function dataFolder (t) {
  const folder = mkdtempSync(join(tmpdir(), 'selvedge-test-'))
  t.after(async () => {
    // Nobody may write into it meanwhile.
    await end(t)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Longer than any machine takes. */
const START_MS = 60_000

/**
 * Starts a server and waits until it listens. `settings` become flags: `{ dataDir: 'x' }` is `--data-dir=x`.
 * The server is killed when the test ends, if it still runs. `openFiles` bounds its descriptors.
 */
export async function start (t, settings, { openFiles } = {}) {
  // Whoever asks for the content of a document shall have it, on a slow machine too.
  const flags = Object.entries({ listen: '127.0.0.1:0', controlListen: '127.0.0.1:0', viewTimeoutMs: 60_000, ...settings }).map(([name, value]) =>
    `--${name.replace(/[A-Z]/g, letter => '-' + letter.toLowerCase())}=${value}`)
  // What is set for the tests is no setting of the server.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SELVEDGE_')))
  const [program, ...first] = openFiles ? ['prlimit', `--nofile=${openFiles}`, binary] : [binary]
  const child = spawn(program, [...first, ...flags], { stdio: ['ignore', 'pipe', 'pipe'], env })
  let log = ''
  const ended = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
  started.set(t, [...started.get(t) ?? [], { child, ended }])
  t.after(() => end(t))
  const port = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the server did not start:\n${log}`)), START_MS)
    const read = data => {
      log += data
      // eslint-disable-next-line no-control-regex
      const found = /listening on [^\n]*127\.0\.0\.1:(\d+)/.exec(log.replace(/\u001b\[[0-9;]*m/g, ''))
      if (found) { clearTimeout(timer); resolve(Number(found[1])) }
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    ended.then(({ code, signal }) => reject(new Error(`the server ended with ${code ?? signal}:\n${log}`)))
  })
  return {
    port,
    control: /control plane on (http:[^;\s]*)/.exec(log)?.[1],
    pid: child.pid,
    url: `ws://127.0.0.1:${port}/yjs`,
    http: `http://127.0.0.1:${port}`,
    log: () => log,
    ended,
    stop: async () => { child.kill('SIGTERM'); return ended },
    kill: async () => { child.kill('SIGKILL'); return ended }
  }
}
