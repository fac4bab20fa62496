// The layers of layers.json as rules: a module imports only from modules in lower layers, never from a neighbour and
// never from above. The same holds for the subfolders of a module that "inside" lists; there "." names the files that
// lie directly in the folder.
const layers = require('./layers.json')

const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to })

/** The files of one entry of a layer: a folder with everything below it, or "." for the files directly in `folder`. */
const filesOf = (folder, entry) => (entry === '.' ? `^${folder}/[^/]+$` : `^${folder}/${entry}/`)

function orderRules(folder, order) {
  const name = folder.replace(/^src\/?/, '').replaceAll('/', '-')
  const known = order.flat().map((entry) => filesOf(folder, entry))
  return [
    never(`${name || 'src'}-has-a-layer-for-every-folder`, '.', {
      path: `^${folder}/`,
      pathNot: order.flat().includes('.') ? known : [...known, filesOf(folder, '.')],
    }),
    ...order.flatMap((layer, level) =>
      layer.map((entry) =>
        never(
          `${name ? `${name}-` : ''}${entry === '.' ? 'files' : entry}-imports-only-lower-layers`,
          filesOf(folder, entry),
          {
            path: `^${folder}/`,
            pathNot: [entry, ...order.slice(0, level).flat()].map((lower) => filesOf(folder, lower)),
          },
        ),
      ),
    ),
  ]
}

module.exports = {
  forbidden: [
    never('no-cycles', '.', { circular: true }),
    ...orderRules('src', layers.modules),
    ...Object.entries(layers.inside).flatMap(([module, order]) => orderRules(`src/${module}`, order)),
    never('clients-use-the-sdk', '^(ui|src/cli)/', {
      path: '^src/',
      pathNot: '^src/(base|wire|sdk|sdk-node|cli|offline|service)/',
    }),
    // The bundled servers are programs that others start: they have the signals and outputs of a program, and nothing
    // else of the broker.
    never('mcp-servers-use-the-sdk', '^src/mcp-servers/', {
      path: '^src/',
      pathNot:
        '^src/(base|wire|sdk|sdk-node|mcp-servers)/|^src/runtime/(output/|signals|drain|drain-timer|log-buffer)',
    }),
    {
      name: 'only-the-command-line-works-offline',
      severity: 'error',
      from: { path: '^(ui|src)/', pathNot: '^src/(cli|offline)/' },
      to: { path: '^src/offline/' },
    },
    // What depends on the host is in base/host, which only programs of Node use.
    never('wire-and-sdk-run-in-browsers', '^src/(base/(?!host/)|wire|sdk)/', { dependencyTypes: ['core'] }),
    never('wire-and-sdk-do-not-use-the-host', '^src/(base/(?!host/)|wire|sdk)/', { path: '^src/base/host/' }),
    {
      name: 'only-the-store-imports-the-database',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/store/' },
      to: { path: 'node:sqlite' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
  },
}
