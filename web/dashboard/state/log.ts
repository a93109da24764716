/** The last refusals, as they happen. Bounded: the oldest go. While it is paused the list stands still, and what comes is kept for later. */
import { computed, signal } from '@preact/signals'
import type { Fields } from '../api/fields'

export const entriesMax = 500

export interface Refusal {
  /** Unique on this page. */
  id: number
  at: number
  /** Which kind of refusal. */
  what: string
  reason: string
  document: string
  /** User, address or the like. */
  who: string
}

let last = 0
const all = signal<readonly Refusal[]>([])
const frozen = signal<readonly Refusal[] | null>(null)

export const isPaused = computed(() => frozen.value !== null)

/** The newest first. */
export const shown = computed(() => frozen.value ?? all.value)

/** How many came while it stood still, as far as they are kept. */
export const waiting = computed(() => {
  if (frozen.value === null) return 0
  const newest = frozen.value[0]?.id ?? 0
  return all.value.filter(entry => entry.id > newest).length
})

export function pause(): void {
  frozen.value = all.value
}

export function resume(): void {
  frozen.value = null
}

export function clear(): void {
  all.value = []
  if (frozen.value !== null) frozen.value = []
}

export function add(event: Fields, at: number): void {
  const entry: Refusal = {
    id: ++last,
    at: event.number('at_ms') ?? at,
    what: event.text('what') ?? event.text('kind') ?? '',
    reason: event.text('reason') ?? '',
    document: event.text('document') ?? '',
    who: event.text('user') ?? event.text('address') ?? '',
  }
  all.value = [entry, ...all.value].slice(0, entriesMax)
}

/** Whether an entry has all the words, in whatever part. */
export function matches(entry: Refusal, words: string): boolean {
  const text = `${entry.what} ${entry.reason} ${entry.document} ${entry.who}`.toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word))
}
