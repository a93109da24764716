import { expect, test } from 'vitest'
import { tokenAdvice } from './token'

const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmVk`

test('a token of the dashboard is told from one that opens documents', () => {
  const ofDashboard = [
    { selvedge: { admin: true } },
    { sub: 'Größe', 'selvedge.admin': true },
    { selvedge: { admin: true, documents: {} } },
  ]
  for (const claims of ofDashboard) expect(tokenAdvice(token(claims), ''), JSON.stringify(claims)).toMatch(/opens the dashboard/)
  const others = [
    { selvedge: { documents: { '*': 'write' } } },
    { selvedge: { admin: true, documents: { '*': 'write' } } },
    { 'selvedge.admin': true, 'selvedge.documents': { notes: 'read' } },
    { selvedge: { admin: 'true' } },
    { selvedge: null },
    null,
    7,
  ]
  for (const claims of others) expect(tokenAdvice(token(claims), 'x'), JSON.stringify(claims)).toBeUndefined()
  for (const text of ['', 'x', 'a.b.c', '.%.', '..', 'e30.e30']) expect(tokenAdvice(text, ''), text).toBeUndefined()
})

test('where only the dashboard has a token, that is said', () => {
  expect(tokenAdvice('', 'anything')).toMatch(/for the dashboard only/)
})
