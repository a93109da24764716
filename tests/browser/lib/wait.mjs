// Waits for what a page comes to show.
import { until } from '../../clients/lib/clients.mjs'
import { WAIT_MS } from './browser.mjs'

/** Until `read` gives what is wanted: a value, or whatever a function says yes to. */
export async function eventually (read, wanted) {
  let last
  const holds = typeof wanted === 'function' ? wanted : value => JSON.stringify(value) === JSON.stringify(wanted)
  await until(async () => { last = await read(); return holds(last) },
    () => `${typeof wanted === 'function' ? wanted : JSON.stringify(wanted)}; it is ${JSON.stringify(last)}`, WAIT_MS)
  return last
}

/** Until the text is there, or something in it matches. */
export const expectText = (read, wanted) => eventually(read, wanted instanceof RegExp ? text => wanted.test(text) : wanted)
