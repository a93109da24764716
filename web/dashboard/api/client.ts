/** Requests to the control plane, with the token, a time limit and a bound; failures as values with words for people. */
import { exactBytes } from '../format'
import { clip } from '../text'
import { Fields } from './fields'
import { asked, token } from './token'

/** Longer than the server gives a request by default. */
const timeoutMs = 35_000

/** The most that is read of an answer. A page of documents has a hundredth of that; a preview may be cut. */
const answerBytesMax = 8 * 1024 * 1024

/** Of the statuses that say that it is the request: those that another try, or another token, mends; and "not found", as what was not there may come. */
const passing = [401, 403, 404, 408, 409, 412, 425, 429]

export class Failure extends Error {
  /** Nothing where the server could not be reached. */
  readonly status: number | null
  /** Another try would end in the same way. */
  readonly isLasting: boolean

  constructor(status: number | null, message: string) {
    super(message)
    this.status = status
    this.isLasting = status !== null && status >= 400 && status < 500 && !passing.includes(status)
  }
}

export function headers(more: Record<string, string> = {}): Record<string, string> {
  return token.value === null ? more : { ...more, authorization: `Bearer ${token.value}` }
}

/** Sizes as people do not read them. */
const largeSize = /\b(\d{4,15}) bytes\b/g

/** What an answer that is no success says, in a sentence (RFC 9457). */
export async function failureOf(response: Response): Promise<Failure> {
  let detail: string | null = null
  try {
    const problem = new Fields(JSON.parse(new TextDecoder().decode((await bounded(response, 64 * 1024)).bytes)))
    detail = problem.text('detail', 1_000) ?? problem.text('title', 1_000)
  } catch {
    // Something in between has answered, or nothing: the status has to say it.
  }
  const message =
    detail?.replace(largeSize, (_, size) => exactBytes(Number(size))) ??
    `The server answered ${response.status} ${clip(response.statusText, 60)}`
  if (response.status === 401) asked.value = message
  return new Failure(response.status, message)
}

/** The first bytes of a body; the rest is not read. */
async function bounded(response: Response, max: number): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
  const reader = response.body?.getReader()
  if (!reader) return { bytes: new Uint8Array(), isWhole: true }
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pieces.push(value.subarray(0, max - length))
    length += value.length
    if (length > max) {
      await reader.cancel()
      break
    }
  }
  const bytes = new Uint8Array(Math.min(length, max))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return { bytes, isWhole: length <= max }
}

export interface Options {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  accept?: string
  signal?: AbortSignal
  more?: Record<string, string>
}

async function send(path: string, options: Options): Promise<Response> {
  const limits = [AbortSignal.timeout(timeoutMs), ...(options.signal ? [options.signal] : [])]
  const wanted: Record<string, string> = { accept: options.accept ?? 'application/json', ...options.more }
  if (options.body !== undefined) wanted['content-type'] ??= 'application/json'
  let response: Response
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers: headers(wanted),
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: AbortSignal.any(limits),
      cache: 'no-store',
      credentials: 'omit',
    })
  } catch (error) {
    if (options.signal?.aborted) throw error
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    throw new Failure(null, late ? 'The server did not answer in time.' : 'The server cannot be reached.')
  }
  if (!response.ok) throw await failureOf(response)
  return response
}

/** An answer of JSON; nothing where it has no body. */
export async function json(path: string, options: Options = {}): Promise<unknown> {
  const { bytes, isWhole } = await bounded(await send(path, options), answerBytesMax)
  if (!isWhole) throw new Failure(null, 'The answer is too large to be shown here.')
  if (bytes.length === 0) return null
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    throw new Failure(null, 'The server answered with something that is no JSON.')
  }
}

/** An answer of text, or the start of it. */
export async function text(path: string, max: number, options: Options = {}): Promise<{ text: string; isWhole: boolean }> {
  const { bytes, isWhole } = await bounded(await send(path, options), max)
  return { text: new TextDecoder().decode(bytes), isWhole }
}

/** A document's place in the API: its name may be made of anything. */
export function documentPath(name: string): string {
  return `/v1/documents/${encodeURIComponent(name)}`
}
