// A page of metrics in the text format of Prometheus (0.0.4), read. Knows no family.

/** By name of a family: `{ type, help, labels, samples: [{ name, labels, value }] }`, in the order of the page. */
export function parse (text) {
  const families = new Map()
  let family
  for (const line of text.split('\n').filter(line => line !== '')) {
    const described = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (described) {
      const [, what, name, rest] = described
      family = families.get(name) ?? { help: '', type: 'untyped', labels: new Set(), samples: [] }
      families.set(name, family)
      family[what === 'HELP' ? 'help' : 'type'] = rest
      continue
    }
    const sample = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (!sample) throw new Error(`no sample: ${line}`)
    const [, name, labels, value] = sample
    const pairs = [...(labels ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label, value]) => [label, value])
    for (const [label] of pairs) if (label !== 'le') family.labels.add(label)
    family.samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) })
  }
  return families
}

/** All names that an expression may use. */
export function sampleNames (families) {
  return new Set([...families].flatMap(([name, { type }]) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map(suffix => name + suffix) : [name]))
}

/** All samples of this name with these labels, added up. */
export function sum (families, name, labels = {}) {
  const samples = [...families.values()].flatMap(family => family.samples).filter(sample => sample.name === name)
  if (samples.length === 0) throw new Error(`there is no ${name}`)
  const wanted = samples.filter(sample => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
  return wanted.reduce((sum, sample) => sum + sample.value, 0)
}

const units = { seconds: 's', bytes: 'bytes', ratio: '0 to 1' }

/** The table of families for the documentation. */
export function table (families) {
  const rows = [...families].map(([name, { type, help, labels }]) => {
    const unit = Object.keys(units).find(unit => new RegExp(`_${unit}(_total)?$`).test(name))
    return `| \`${name}\` | ${type} | ${units[unit] ?? ''} | ${[...labels].map(label => `\`${label}\``).join(', ')} | ${help} |`
  })
  return ['| family | type | unit | labels | meaning |', '|---|---|---|---|---|', ...rows].join('\n')
}
