// A walk through npm's etcd3 against one server; every line printed is compared by the test that runs this.
const { Etcd3 } = require('etcd3');

const client = new Etcd3({ hosts: `http://${process.argv[2]}` });
const say = (name, ...values) => console.log(name, ...values.map((v) => JSON.stringify(v)));
const next = (watcher, count) =>
  new Promise((resolve, reject) => {
    const seen = [];
    watcher.on('error', reject);
    const add = (type) => (kv) => {
      seen.push([type, kv.key.toString(), kv.value.toString()]);
      if (seen.length === count) resolve(seen);
    };
    watcher.on('put', add('put'));
    watcher.on('delete', add('delete'));
  });

async function walk() {
  // put, get, prefix
  await client.put('js/a').value('1');
  await client.put('js/b').value('2');
  say('get', await client.get('js/a').string(), await client.get('js/none').string());
  say('prefix', await client.getAll().prefix('js/').strings());
  say('keys', await client.getAll().prefix('js/').sort('Key', 'Descend').keys());
  say('count', await client.getAll().prefix('js/').count());
  say('limit', await client.getAll().prefix('js/').limit(1).keys());
  const first = await client.get('js/a').exec();
  await client.put('js/a').value('one');
  say('old', await client.get('js/a').revision(first.kvs[0].mod_revision).string());

  // txn
  const txn = await client
    .if('js/a', 'Value', '==', 'one')
    .and('js/none', 'Create', '==', 0)
    .then(client.put('js/c').value('3'), client.get('js/a'), client.delete().key('js/b'))
    .else(client.put('js/failed').value('x'))
    .commit();
  say('txn', txn.succeeded, txn.responses.map((r) => r.response));

  // watch: history, then live
  // create() would give history away before a listener is there.
  const watcher = client.watch().prefix('js/').startRevision(txn.header.revision).watcher();
  const events = next(watcher, 3);
  await client.put('js/live').value('5');
  say('watch', await events);
  await watcher.cancel();

  // lease
  const lease = client.lease(600, { autoKeepAlive: false });
  await lease.put('js/leased').value('x');
  const ttl = await client.leaseClient.leaseTimeToLive({ ID: await lease.grant(), keys: true });
  say('lease', ttl.grantedTTL, ttl.keys.map((k) => k.toString()));
  await lease.keepaliveOnce();
  await lease.revoke();
  say('revoked', await client.get('js/leased').string());

  // lock, election
  say('lock', await client.lock('js/mutex').do(async () => 'held'));

  // delete, compaction
  const deleted = await client.delete().prefix('js/').exec();
  say('delete', deleted.deleted);
  await client.kv.compact({ revision: deleted.header.revision, physical: true });
  say('compacted', await client.get('js/a').revision(first.header.revision).string().catch((e) => e.message));

  // status, members
  const status = await client.maintenance.status();
  say('status', status.version, status.leader === status.header.member_id, Number(status.dbSize) > 0);
  const members = await client.cluster.memberList({});
  say('members', members.members.map((m) => [m.name, m.clientURLs, m.peerURLs]));
  say('error', await client.put('js/x').value('y').lease('4711').exec().catch((e) => e.message));
}

walk()
  .catch((error) => {
    console.log('failed', error);
    process.exitCode = 1;
  })
  .finally(() => client.close());
