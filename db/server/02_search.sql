-- Row-level security hides a trigram index from every operator that is not
-- leakproof, so the patient search runs in one reviewed function whose owner
-- may bypass the policies and which puts the signed clinic into the query
-- itself. Only an administrator can give a function to such an owner; without
-- this file the search is as right and slower.
do $search$
begin
  grant usage on schema platform, ext to cloister_search;
  -- It would set how near a near name is for the whole connection, and so for
  -- the clinics after.
  revoke execute on function ext.set_limit(real) from public;
  grant execute on all functions in schema ext to cloister_search;
  grant execute on function platform.current_clinic(), platform.word_query(text) to cloister_search;
  grant select on platform.schemas to cloister_search;
  grant create on schema platform to cloister_search;
  alter function platform.search_patients(text, text, text, text, integer) owner to cloister_search;
  revoke create on schema platform from cloister_search;
end
$search$;
