// The floor plan as a rule: a room imports from floors below its own, never from a neighbour, never from above.
const floors = require('./floors.json')

const inside = (rooms) => `^src/(${rooms.join('|')})/`
const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to })

const looksDownOnly = floors.flatMap((floor, level) =>
  floor.map((room) =>
    never(`${room.replace('/', '-')}-looks-down-only`, inside([room]), {
      path: '^src/',
      pathNot: inside([room, ...floors.slice(0, level).flat()]),
    }),
  ),
)

module.exports = {
  forbidden: [
    never('no-circles', '.', { circular: true }),
    never('every-room-has-a-floor', '.', { path: '^src/', pathNot: inside(floors.flat()) }),
    ...looksDownOnly,
    never('customers-use-the-sdk', '^(ui|src/servers|src/programs/cli)/', {
      path: '^src/',
      pathNot: '^src/(base|wire|sdk|sdk-node|servers|programs/cli)/',
    }),
    never('wire-and-sdk-run-in-browsers', '^src/(base|wire|sdk)/', { dependencyTypes: ['core'] }),
    {
      name: 'only-the-store-knows-the-database',
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
