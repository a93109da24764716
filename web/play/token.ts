/** The token that opens documents. It is kept as long as the tab is, apart from the dashboard's, which is another. Trusts nothing that a token says of itself: the server does that. */
const key = 'selvedge-playground-token'

/** Where the dashboard keeps its own (dashboard/api/token.ts): it is looked at for a hint, and never sent. */
const dashboardKey = 'selvedge-token'

/** Longer than any token that the server takes. */
export const tokenCharactersMax = 16_384

function read(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? ''
  } catch {
    // A browser may forbid storage.
    return ''
  }
}

export const storedToken = (): string => read(key)

/** Whether it could be kept. */
export function keepToken(token: string): boolean {
  try {
    sessionStorage.setItem(key, token)
    return true
  } catch {
    return false
  }
}

/** What to say of a token that opens no document, where it is known why. */
export function tokenAdvice(mine = read(key), ofDashboard = read(dashboardKey)): string | undefined {
  if (isOfDashboard(mine)) return 'This token has the admin claim, and names no documents: it opens the dashboard, and nothing here.'
  if (mine === '' && ofDashboard !== '')
    return 'This tab has a token for the dashboard only. Documents are opened with one that names them.'
  return undefined
}

function isOfDashboard(token: string): boolean {
  const claims = claimsOf(token.slice(0, tokenCharactersMax))
  const own = record(claims.selvedge)
  const admin = own.admin ?? claims['selvedge.admin']
  const documents = own.documents ?? claims['selvedge.documents']
  return admin === true && Object.keys(record(documents)).length === 0
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** What is written in a JSON Web Token (RFC 7519), whoever has signed it. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    return record(JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), letter => letter.charCodeAt(0)))))
  } catch {
    return {}
  }
}
