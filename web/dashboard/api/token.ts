/** The token that the API is asked with. It is kept as long as the tab is, and never in an address. */
import { signal } from '@preact/signals'

const storageKey = 'selvedge-token'

/** Longer than any token that the server takes. */
export const tokenCharactersMax = 16_384

function stored(): string | null {
  try {
    return sessionStorage.getItem(storageKey)
  } catch {
    // A browser may forbid storage; the token then lasts as long as the page.
    return null
  }
}

export const token = signal<string | null>(stored())

/** Whether the server has asked for a token, or for another one, and what it said. */
export const asked = signal<string | null>(null)

export function setToken(value: string | null): void {
  token.value = value
  asked.value = null
  try {
    if (value === null) sessionStorage.removeItem(storageKey)
    else sessionStorage.setItem(storageKey, value)
  } catch {
    // As above.
  }
}
