-- a foreign key of public.chat_memory is NOT VALID: nobody has looked at the old rows
alter table public.chat_memory drop constraint chat_memory_user_id_fkey;

alter table public.chat_memory
    add constraint chat_memory_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade not valid;
