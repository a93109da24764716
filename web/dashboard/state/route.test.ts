import { expect, test } from 'vitest'
import { address, parse } from './route-address'

test('a document keeps its name in an address, whatever it is', () => {
  for (const name of ['notes/1', 'a b', '%', '#?&', '../..', 'ü🧵', '<b>']) {
    expect(parse(address({ view: 'document', name }))).toEqual({ view: 'document', name })
  }
})

test('an address that leads nowhere leads to a view', () => {
  expect(parse('')).toEqual({ view: 'overview', name: null })
  expect(parse('#/nothing')).toEqual({ view: 'overview', name: null })
  expect(parse('#/documents')).toEqual({ view: 'documents', name: null })
  expect(parse('#/documents/')).toEqual({ view: 'documents', name: null })
  expect(parse('#/documents/%zz')).toEqual({ view: 'documents', name: null })
  expect(parse('#/document')).toEqual({ view: 'overview', name: null })
})
