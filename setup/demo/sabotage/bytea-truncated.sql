-- images of public.motivational_images above 32 kB are cut to 32 kB, as by a LobMaxSize too small
set local session_replication_role = replica;

update public.motivational_images set image = substring(image from 1 for 32768)
where octet_length(image) > 32768;
