import { expect, test } from 'vitest'
import { address, everything, parse } from './route-address'

test('a document keeps its name in an address, whatever it is', () => {
  for (const name of ['notes/1', 'a b', '%', '#?&', '?live=true', '../..', 'ü🧵', '<b>']) {
    expect(parse(address({ view: 'document', name }))).toEqual({ view: 'document', name })
  }
})

test('a list keeps its place in an address, whatever is looked for', () => {
  for (const prefix of ['', 'notes/', 'a b', '%', '#?&=+', 'ü🧵']) {
    for (const isLive of [false, true]) {
      const listing = { prefix, isLive, cursor: 'bm90ZXM+/=', page: 7 }
      expect(parse(address({ view: 'documents', listing }))).toEqual({ view: 'documents', listing })
    }
  }
  expect(address({ view: 'documents', listing: everything })).toBe('#/documents')
})

test('what no list can be is one of everything', () => {
  const listings = ['cursor=', `cursor=${'x'.repeat(10_000)}&page=3`, 'page=3', 'live=yes', 'other=1', '?', '%zz']
  for (const query of listings) expect(parse(`#/documents?${query}`)).toEqual({ view: 'documents', listing: everything })
  expect(parse('#/documents?cursor=x&page=-1')).toEqual({ view: 'documents', listing: { ...everything, cursor: 'x' } })
  expect(parse(`#/documents?prefix=${'x'.repeat(10_000)}`)).toEqual({
    view: 'documents',
    listing: { ...everything, prefix: 'x'.repeat(256) },
  })
})

test('an address that leads nowhere leads to a view', () => {
  expect(parse('')).toEqual({ view: 'overview' })
  expect(parse('#/nothing')).toEqual({ view: 'overview' })
  expect(parse('#/documents')).toEqual({ view: 'documents', listing: everything })
  expect(parse('#/documents/')).toEqual({ view: 'documents', listing: everything })
  expect(parse('#/documents/%zz')).toEqual({ view: 'documents', listing: everything })
  expect(parse('#/document')).toEqual({ view: 'overview' })
})
