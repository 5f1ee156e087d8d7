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

  // a lease that its client keeps: an answer comes a third of the TTL after the last
  const kept = client.lease(1);
  await kept.put('js/kept').value('x');
  await new Promise((resolve, reject) => {
    kept.on('keepaliveSucceeded', resolve);
    kept.on('lost', reject);
  });
  say('kept', await client.get('js/kept').string());
  await kept.revoke();

  // lock: what runs under it runs alone
  say('lock', await client.lock('js/mutex').do(async () => 'held'));
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await client.get('js/mutex').string();
    inside--;
  };
  const locks = [1, 2, 3].map(() => client.lock('js/alone'));
  await locks[0].acquire();
  say('busy', await locks[1].acquire().catch((e) => e.constructor.name));
  await locks[0].release();
  for (const lock of locks) await lock.do(work);
  say('alone', most);

  // election: an observer sees one leader after the other
  const election = client.election('js-office', 10);
  const observer = await election.observe();
  const leaders = (value) => new Promise((resolve) => {
    if (observer.leader() === value) resolve(value);
    observer.on('change', (leader) => leader === value && resolve(leader));
  });
  // wait() hears only what comes after it.
  const alice = election.campaign('alice');
  await alice.wait();
  say('elected', await leaders('alice'), await election.leader());
  const bob = election.campaign('bob');
  const bobLeads = bob.wait();
  await alice.proclaim('alice again');
  say('proclaimed', await leaders('alice again'));
  await alice.resign();
  await bobLeads;
  say('follows', await leaders('bob'));
  await bob.resign();
  await observer.cancel();

  // software transactions: two that count up at once lose nothing
  await client.put('js/counter').value(0);
  const count = () => client.stm({ retries: 50 }).transact(async (tx) => tx.put('js/counter').value(1 + (await tx.get('js/counter').number())));
  await Promise.all([count(), count(), count()]);
  say('stm', await client.get('js/counter').number());

  // namespace
  const space = client.namespace('js/space/');
  await space.put('a').value(JSON.stringify({ b: 1 }));
  say('namespace', await space.get('a').json(), await client.getAll().prefix('js/space/').keys(), await space.getAll().all().keys());
  say('revisions', await client.getAll().prefix('js/').minCreateRevision(txn.header.revision).keys());

  // delete, compaction
  const deleted = await client.delete().prefix('js/').exec();
  say('delete', deleted.deleted);
  await client.kv.compact({ revision: deleted.header.revision, physical: true });
  say('compacted', await client.get('js/a').revision(first.header.revision).string().catch((e) => e.message));

  // status, members
  const status = await client.maintenance.status();
  say('status', status.version, status.leader === status.header.member_id, Number(status.dbSize) > 0);
  const members = await client.cluster.memberList({});
  const alarm = { action: 'Activate', memberID: status.header.member_id, alarm: 'Nospace' };
  await client.maintenance.alarm(alarm);
  const alarms = () => client.maintenance.alarm({ action: 'Get', memberID: '0', alarm: 'None' }).then((a) => a.alarms.map((x) => x.alarm));
  say('alarm', await alarms());
  await client.maintenance.alarm({ ...alarm, action: 'Deactivate' });
  say('disarmed', await alarms());
  say('hash', (await client.maintenance.hash()).hash > 0);
  await client.maintenance.defragment();
  say('members', members.members.map((m) => [m.name, m.clientURLs, m.peerURLs]));
  say('error', await client.put('js/x').value('y').lease('4711').exec().catch((e) => e.message));
}

walk()
  .catch((error) => {
    console.log('failed', error);
    process.exitCode = 1;
  })
  .finally(() => {
    client.close();
    // A stream of the library that is just being opened outlives close() and would keep the process.
    process.exit();
  });
