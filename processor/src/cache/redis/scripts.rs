//! What is done to the data at once: scripts that the server runs. A version is compared there, so
//! that of two writers the one who knows more wins, whichever comes last.

use redis::{RedisError, Script};

use super::{
    connection::Connection,
    fields::{OF_RIDE, OF_VEHICLE},
};

/// Indexes are kept an hour longer than anything in them, seconds.
const KEEP_INDEX: u64 = 25 * 3_600;

/// Versions are compared as digits: a script's numbers have 53 bits.
const OLDER: &str = "
local id = string.match(KEYS[1], '}:%a+:(.*)')
local function is_older(a, b) return #a < #b or (#a == #b and a < b) end
local known = redis.call('HGET', KEYS[1], 'version')
";

/// Puts the fields that follow the first arguments in place of those that are there.
const REPLACE: &str = "
local fields = {}
for at, name in ipairs(names) do
  local value = ARGV[at + before]
  if value ~= '' then fields[#fields + 1] = name; fields[#fields + 1] = value end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('EXPIRE', KEYS[1], ARGV[1])
";

/// All scripts.
pub(super) struct Scripts {
    /// Keys: ride, rides. Arguments: seconds to keep, fields.
    pub(super) write_ride: Script,
    /// Keys: ride, rides. Argument: version.
    pub(super) remove_ride: Script,
    /// Keys: vehicle, places. Arguments: seconds to keep, longitude and latitude (empty where the index
    /// has no such place), fields.
    pub(super) write_vehicle: Script,
    /// Keys: what is gone, index. Whoever has written it again meanwhile keeps it there.
    pub(super) take_out: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            write_ride: Script::new(&format!(
                "local names, before = {{{}}}, 1 {OLDER}
if known and is_older(ARGV[2], known) then return end
{REPLACE}
redis.call('ZADD', KEYS[2], 0, id)
redis.call('EXPIRE', KEYS[2], {KEEP_INDEX})
if known ~= ARGV[2] then redis.call('PUBLISH', KEYS[1], ARGV[2]) end",
                names(&OF_RIDE)
            )),
            remove_ride: Script::new(&format!(
                "{OLDER}
if not known or is_older(ARGV[1], known) then return end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], id)
redis.call('PUBLISH', KEYS[1], '')"
            )),
            write_vehicle: Script::new(&format!(
                "local names, before = {{{}}}, 3 {OLDER}
if known and is_older(ARGV[4], known) then return end
{REPLACE}
if ARGV[2] == '' then redis.call('ZREM', KEYS[2], id)
else redis.call('GEOADD', KEYS[2], ARGV[2], ARGV[3], id) end
redis.call('EXPIRE', KEYS[2], {KEEP_INDEX})",
                names(&OF_VEHICLE)
            )),
            take_out: Script::new(
                "local id = string.match(KEYS[1], '}:%a+:(.*)')
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], id) end",
            ),
        }
    }
}

impl Scripts {
    /// Makes them known to a server, or to all nodes of a cluster.
    pub(super) async fn load(&self, connection: &mut Connection) -> Result<(), RedisError> {
        let all = [
            &self.write_ride,
            &self.remove_ride,
            &self.write_vehicle,
            &self.take_out,
        ];
        for script in all {
            let _hash: String = script.load_async(connection).await?;
        }
        Ok(())
    }
}

/// A list of names in Lua.
fn names(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(",")
}
